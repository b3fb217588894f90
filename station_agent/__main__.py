"""`python -m station_agent`: the same as the command `station-agent`."""

from station_agent.main import main

if __name__ == "__main__":
    main()
