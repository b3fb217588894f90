# Stands in for redis:7, with Debian 13's Redis 8.
FROM local/trixie
RUN apt-get update -q && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends redis-server && apt-get clean
CMD ["redis-server"]
