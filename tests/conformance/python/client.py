"""Answers requests, one JSON object a line: {id, command, ...} gives {id, result} or {id, error, message}; errors by the protocol's codes."""
import json
import sys
import threading
import traceback

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import KafkaError, NoError, for_code

BOOTSTRAP = sys.argv[1]
SESSION_MS = 6000


def text(value):
    return None if value is None else value.decode()


def raw(value):
    return None if value is None else value.encode()


def told(found):
    return {
        "partition": found.partition, "offset": found.offset, "timestamp": found.timestamp, "key": text(found.key),
        "value": text(found.value), "headers": {name: text(value) for name, value in found.headers},
    }


def member(group, **options):
    return KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS, heartbeat_interval_ms=300, **options)


class Commands:
    def __init__(self):
        self._admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        # The admin client sends one request at a time.
        self._gate = threading.Lock()

    def produce(self, topic, records, compression, idempotent):
        if idempotent:
            raise ValueError("this client has no idempotent producer")
        producer = KafkaProducer(
            bootstrap_servers=BOOTSTRAP, acks="all", linger_ms=5, compression_type=None if compression == "none" else compression)
        try:
            sent = [
                producer.send(
                    topic, key=raw(each["key"]), value=raw(each["value"]), partition=each["partition"],
                    timestamp_ms=each["timestamp"], headers=[(name, raw(value)) for name, value in each["headers"].items()])
                for each in records]
            for each in sent:
                each.get(30)
        finally:
            producer.close()

    def read(self, topic, partition):
        place = TopicPartition(topic, partition)
        consumer = member(None)
        try:
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            end = consumer.end_offsets([place])[place]
            records = []
            while consumer.position(place) < end:
                records += [told(each) for batch in consumer.poll(500).values() for each in batch]
            return records
        finally:
            consumer.close()

    def readInGroup(self, topic, group, count):
        consumer = member(group, max_poll_records=1)
        try:
            consumer.subscribe([topic])
            records = []
            while len(records) < count:
                for batch in consumer.poll(500).values():
                    records += [told(each) for each in batch]
                    consumer.commit({TopicPartition(each.topic, each.partition): OffsetAndMetadata(each.offset + 1, "") for each in batch})
            return records
        finally:
            consumer.close()

    def offsets(self, topic, partition):
        place = TopicPartition(topic, partition)
        consumer = member(None)
        try:
            return {"low": consumer.beginning_offsets([place])[place], "high": consumer.end_offsets([place])[place]}
        finally:
            consumer.close()

    def offsetAt(self, topic, partition, timestamp):
        place = TopicPartition(topic, partition)
        consumer = member(None)
        try:
            found = consumer.offsets_for_times({place: timestamp})[place]
            return found.offset if found else consumer.end_offsets([place])[place]
        finally:
            consumer.close()

    def share(self, topic, group, partitions):
        leaving = threading.Event()
        stopping = threading.Event()
        changed = threading.Condition()
        assigned = [[], []]
        failures = []

        def run(index, stop):
            consumer = member(group)
            try:
                consumer.subscribe([topic])
                while not stop.is_set():
                    consumer.poll(100)
                    with changed:
                        assigned[index] = sorted(place.partition for place in consumer.assignment())
                        changed.notify_all()
            except Exception as failure:
                failures.append(failure)
            finally:
                consumer.close()

        def until(reached):
            with changed:
                if not changed.wait_for(lambda: failures or reached(), 60):
                    raise TimeoutError(f"assigned: {assigned}")
            if failures:
                raise failures[0]

        threads = [threading.Thread(target=run, args=each) for each in ((0, stopping), (1, leaving))]
        try:
            for each in threads:
                each.start()
            until(lambda: all(assigned) and sum(map(len, assigned)) == partitions)
            both = [list(each) for each in assigned]
            with self._gate:
                described = self._admin.describe_consumer_groups([group])[0]
            leaving.set()
            threads[1].join()
            until(lambda: len(assigned[0]) == partitions)
            return {"both": both, "one": list(assigned[0]), "state": described.state, "members": len(described.members)}
        finally:
            leaving.set()
            stopping.set()
            for each in threads:
                each.join()

    def createTopic(self, topic, partitions, replicas, settings):
        with self._gate:
            self._admin.create_topics([NewTopic(topic, partitions, replicas, topic_configs=settings)])

    def deleteTopic(self, topic):
        with self._gate:
            self._admin.delete_topics([topic])

    def createPartitions(self, topic, total):
        with self._gate:
            self._admin.create_partitions({topic: NewPartitions(total)})

    def partitions(self, topic):
        with self._gate:
            return len(self._admin.describe_topics([topic])[0]["partitions"])

    def settings(self, topic):
        with self._gate:
            answer = self._admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])[0]
        (code, message, _, _, entries), = answer.resources
        self._check(code, message)
        return {entry[0]: entry[1] for entry in entries}

    def alterSettings(self, topic, settings):
        with self._gate:
            answer = self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])
        (code, message, _, _), = answer.resources
        self._check(code, message)

    def committed(self, group, topic, partition):
        with self._gate:
            found = self._admin.list_consumer_group_offsets(group, partitions=[TopicPartition(topic, partition)])
        return found[TopicPartition(topic, partition)].offset

    def groups(self):
        with self._gate:
            return [group for group, _ in self._admin.list_consumer_groups()]

    def deleteGroup(self, group):
        with self._gate:
            (_, error), = self._admin.delete_consumer_groups([group])
        if error is not NoError:
            raise error()

    def cluster(self):
        with self._gate:
            found = self._admin.describe_cluster()
        return {
            "brokers": [f"{each['host']}:{each['port']}" for each in found["brokers"]], "controller": found["controller_id"],
            "clusterId": found["cluster_id"],
        }

    @staticmethod
    def _check(code, message):
        if code != 0:
            raise for_code(code)(message)


def main():
    commands = Commands()
    printing = threading.Lock()

    def answer(line):
        request = json.loads(line)
        number, command = request.pop("id"), request.pop("command")
        try:
            reply = {"id": number, "result": getattr(commands, command)(**request)}
        except KafkaError as refused:
            reply = {"id": number, "error": getattr(refused, "errno", -1000), "message": str(refused)}
        except Exception:
            reply = {"id": number, "error": -1000, "message": traceback.format_exc()}
        with printing:
            print(json.dumps(reply), flush=True)

    for line in sys.stdin:
        threading.Thread(target=answer, args=(line,), daemon=True).start()


main()
