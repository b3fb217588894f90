"""Print what happens at an organization's stations. Usage: python listen.py URL roost-ca.pem, with pika installed."""

import json
import ssl
import sys

import pika

parameters = pika.URLParameters(sys.argv[1])
parameters.ssl_options = pika.SSLOptions(ssl.create_default_context(cafile=sys.argv[2]))
with pika.BlockingConnection(parameters) as connection:
    channel = connection.channel()
    channel.basic_qos(prefetch_count=100)
    for method, _properties, body in channel.consume(parameters.credentials.username):
        event = json.loads(body)
        print(event["at"], event["station"], event["event"], flush=True)
        channel.basic_ack(method.delivery_tag)
