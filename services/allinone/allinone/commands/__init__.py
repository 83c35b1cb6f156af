"""What the commands do; the command line itself is in allinone.cli."""
