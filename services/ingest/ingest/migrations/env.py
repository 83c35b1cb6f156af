from cskit.migrate import run_env

run_env()
