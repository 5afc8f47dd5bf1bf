"""What the server tells of itself in figures, for Prometheus and those who read its format."""

from cronapp.metrics.gauges import Here
from cronapp.metrics.meter import ServerMeter
from cronapp.metrics.page import MetricsPage

__all__ = ["Here", "MetricsPage", "ServerMeter"]
