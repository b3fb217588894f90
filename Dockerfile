# One image for every process of ours; which one a container runs, its command says.
FROM node:22-bookworm-slim AS node

FROM python:3.11-slim-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /app
COPY requirements/server.txt requirements/server.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/server.txt
COPY . .
# The settings want their secrets; none of these reaches the image's processes.
RUN ROOST_SECRET_KEY=build ROOST_DATABASE_URL=postgres://build/build ROOST_REDIS_URL=redis://build \
    ROOST_FLEET_BROKER_URL=amqp://build ROOST_COMMAND_BROKER_URL=amqp://build ROOST_JOBS_BROKER_URL=amqp://build \
    ROOST_MANAGEMENT_URL=http://build ROOST_MANAGEMENT_PASSWORD=build ROOST_STATIC_ROOT=/app/static \
    sh -c '/venv/bin/python -m web.assets && /venv/bin/python manage.py collectstatic --no-input -v0' \
    && rm -rf node_modules tests

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 roost && useradd --uid 10001 --gid 10001 --no-create-home roost
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 ROOST_IN_CONTAINER=1 ROOST_VAR=/var/lib/roost \
    ROOST_SIGNS=/tmp/signs
RUN python -m compileall -q /app && install -d -o roost -g roost -m 0700 /var/lib/roost
WORKDIR /app
USER roost
ENTRYPOINT ["python", "-m", "operations.container"]
CMD ["run", "site"]
