# Stands in for postgres:17, with the documented part of its entry script.
FROM local/trixie
RUN apt-get update -q && install -d /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql && apt-get clean \
    && groupadd --non-unique --gid 999 official && useradd --non-unique --uid 999 --gid 999 official \
    && install -d -o 999 -g 999 -m 0700 /var/lib/postgresql/data && chmod 755 /var/lib/postgresql
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data
COPY postgres.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["sh", "/usr/local/bin/docker-entrypoint.sh"]
STOPSIGNAL SIGINT
CMD ["postgres"]
