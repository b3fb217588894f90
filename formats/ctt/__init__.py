"""Files of CTT SensorStations: tags heard by the station or its nodes, the nodes' health, and positions."""
