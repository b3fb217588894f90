# Stands in for python:3.11-slim-bookworm.
FROM local/bookworm
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-venv \
    && ln -s /usr/bin/python3 /usr/local/bin/python && apt-get clean
