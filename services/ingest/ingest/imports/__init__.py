"""Files of rows: read by the command, taken by the server.

api      POST and GET /v1/imports
models   what its requests and answers look like
taking   one import: begun, its slices of rows taken in order, ended
files    CSV and Excel files as headers and rows; the command reads with it, the server never does
"""
