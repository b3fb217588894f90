"""Running Roost on one machine: the processes, their supervisor and watchdog, their health, and the demo."""
