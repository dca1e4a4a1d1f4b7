"""What networks that read text have beside others."""
