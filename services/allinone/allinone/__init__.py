"""The `kizashi` command, and the embedded composition of all services: the only package that may import services.

cli           the command line: one function a command; groups: those about keys, sources, quarantine, dead letters
scorecards    the command group of that name
options       what many commands take
composition   which services there are, and how they are built together
embedded      one process, one port: lock, keys, server, workers
clustered     one replica of one service
server        the HTTP server and its signals
data_folder   the embedded data folder: its lock and server.json
databases     what is wrong with a database that cannot be opened
commands/     what the commands do: keys, doctor, dead letters, migrate
"""
