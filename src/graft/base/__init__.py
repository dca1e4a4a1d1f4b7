"""What every layer may use: errors, specs, plugins, records, the machine."""
