"""The only SQL of playbook.

definitions  versions of playbooks
work         accounts, runs, tasks and timers: locked, loaded and saved in bulk for one transaction
lists        what the API shows, a page at a time
people       staff
records      notes and audit
portions     lists that are longer than one statement holds
"""
