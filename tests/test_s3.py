"""The S3 server that tests run against: every client reaches it, and no test sees another's objects."""

import subprocess
import sys

import fsspec


def test_clients_write_what_the_others_read(s3):
    filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
    with filesystem.open(f"{s3.bucket}/folder/a", "wb") as file:
        file.write(b"one")
    assert s3.client().get_object(Bucket=s3.bucket, Key="folder/a")["Body"].read() == b"one"
    assert s3.keys() == ["folder/a"]


def test_a_process_that_is_started_reaches_it(s3):
    code = f"import boto3; boto3.client('s3').put_object(Bucket={s3.bucket!r}, Key='b', Body=b'two')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert s3.keys() == ["b"]


def test_every_test_has_a_bucket_of_its_own(s3):
    assert s3.keys() == []
    assert s3.with_bucket().bucket != s3.bucket
