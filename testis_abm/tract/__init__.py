"""The tract: epididymis and ejaculate."""
