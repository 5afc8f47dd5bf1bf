"""Who carries "execute run R" to a place that has room for it. Carriers only carry; the rows decide."""
