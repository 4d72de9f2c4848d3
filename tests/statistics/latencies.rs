//! Percentiles of latency: how often their intervals hold the truth.
