"""What every process needs to run: settings, the sources file, logs, signals."""
