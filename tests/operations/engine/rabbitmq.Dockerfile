# Stands in for rabbitmq:4.3.5-management, with Debian 13's RabbitMQ 4.0.
FROM local/trixie
RUN apt-get update -q && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends rabbitmq-server && apt-get clean \
    && rm -rf /var/lib/rabbitmq && install -d -o 999 -g 999 -m 0700 /var/lib/rabbitmq /var/log/rabbitmq \
    && ln -s /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/* /usr/local/bin/
ENV HOME=/var/lib/rabbitmq RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/mnesia RABBITMQ_LOGS=- RABBITMQ_LOG_BASE=/var/log/rabbitmq \
    RABBITMQ_CONF_ENV_FILE=/none RUNNING_UNDER_SYSTEMD=true
CMD ["rabbitmq-server"]
