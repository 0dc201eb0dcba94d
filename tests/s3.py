"""An S3 API server on a free loopback port, for whatever keeps artefacts in object storage.

It speaks the real protocol over HTTP, so boto3, s3fs and processes that a test starts reach it alike.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True)
class S3:
    """Where the server is, and how to reach it.

    Attributes:
        endpoint: Its URL.
        bucket: An empty bucket.
    """

    endpoint: str
    bucket: str = ""

    @property
    def env(self) -> dict[str, str]:
        """What clients (boto3, s3fs, LanceDB's object store) read from the environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def url(self) -> str:
        """The bucket as fsspec names it."""
        return f"s3://{self.bucket}"

    def client(self) -> Any:
        """A boto3 client of the server, whatever the environment says."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    def with_bucket(self) -> S3:
        """The same server with a bucket that nobody has used."""
        bucket = f"tessera-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=bucket)
        return S3(self.endpoint, bucket)

    def keys(self) -> list[str]:
        """Names of all objects in the bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))


@contextmanager
def s3_server_running() -> Iterator[S3]:
    """Runs the server while the body runs."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line per request would drown the test's own output
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()
