"""Attachments in a store that several processes reach: moto plays S3, and on PostgreSQL a second process serves them."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from harness.account import Account
from harness.phone import Network, eventually
from harness.receiver import PNG
from harness.server import Server

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(moto: str):
    store = boto3.resource("s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="someone",
                           aws_secret_access_key="secret")
    return store.create_bucket(Bucket="attachments")


@pytest.fixture
def settings(moto: str) -> dict[str, str]:
    return KEYS | {"AGENTPHONE_MEDIA_STORE": "s3://attachments/live", "AWS_ENDPOINT_URL": moto, "AWS_ALLOW_HTTP": "true"}


@pytest.fixture
def first(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str], bucket) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("first"), settings, own_database=True)
    yield running
    running.stop()


def picture(server: Server, receiver) -> tuple[Account, dict]:
    """A customer of this server, and a message with a picture that came in."""
    account = Account(server, "store")
    phone = Network(server.origin, server.key).handset()
    phone.text(account.sms["phoneNumber"], "Look", [receiver.media("picture.png")])
    conversation = account.conversation_with(phone.number)["id"]
    look = lambda: next((row for row in account.history(conversation) if row["mediaUrl"]), None)
    return account, eventually(look, what="the picture to be hosted")


def test_pictures_lie_in_the_bucket_until_they_are_erased(first: Server, bucket, receiver) -> None:
    account, message = picture(first, receiver)
    assert account.http.get(message["mediaUrl"], headers={"Authorization": ""}).content == PNG
    [stored] = bucket.objects.all()
    assert stored.key.startswith("live/") and stored.get()["Body"].read() == PNG
    assert not (first.data / "media").exists()
    account.ok("DELETE", f"/v1/messages/{message['id']}")
    eventually(lambda: not list(bucket.objects.all()), what="the picture to be gone from the bucket")


def test_another_process_serves_them(first: Server, settings, receiver, tmp_path) -> None:
    if first.embedded:
        pytest.skip("several processes need PostgreSQL")
    _, message = picture(first, receiver)
    address = {"AGENTPHONE_DATABASE_URL": first.environment["AGENTPHONE_DATABASE_URL"]}
    second = Server(tmp_path / "second", settings | address)
    try:
        url = message["mediaUrl"].replace(first.origin, second.origin)
        assert Account(second, "other").http.get(url, headers={"Authorization": ""}).content == PNG
    finally:
        second.stop()
