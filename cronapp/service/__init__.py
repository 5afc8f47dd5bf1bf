"""The only writers: validate, one transaction, tell on commit. Web, API, command line and engine all call these."""
