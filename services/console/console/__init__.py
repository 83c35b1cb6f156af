"""Pages for people. The console owns nothing: it reads and changes things only through the others' HTTP APIs."""
