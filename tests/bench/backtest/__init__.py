"""The default scorecard judged on the demo's world, whose fates are known."""
