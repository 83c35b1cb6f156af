"""The pages: each loads what it shows, and renders it whole or as the fragments that live values replace."""
