"""Grafana boards, Prometheus rules and provisioning; what they ask for is named in monitor.metric_names."""
