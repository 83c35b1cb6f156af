"""The HTTP edge: /v1/playbooks and /v1/runs, /v1/tasks, /v1/staff, /v1/audit/playbook."""
