"""One cloud for the whole session; every test uses keys of its own in it."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from driver import strict
from driver.assembly import Stack, stack
from driver.cloud import STACK, Cloud

REPOSITORY = Path(__file__).resolve().parents[2]
_REPORT: list[str] = []


def _from_environment(variable: str, what: str) -> Path:
    if not os.environ.get(variable):
        pytest.exit(f"{variable} does not name {what}; tests/cloud.sh --test sets everything up", returncode=2)
    return Path(os.environ[variable]).resolve()


def _synthesised() -> Path:
    return _from_environment("ECG_CDK_OUT", "the folder that cdk synth wrote")


def assembled() -> Stack:
    """The synthesised stack, for tests that need no cloud."""
    return stack(_synthesised(), STACK)


@pytest.fixture(scope="session")
def cloud():
    """The deployed pipeline."""
    _from_environment("ECG_JSONATA", "the package jsonata")
    deployed = Cloud(_synthesised())
    try:
        try:
            deployed.start()
        except (RuntimeError, TimeoutError) as error:
            # Else every test would try again.
            pytest.exit(f"the pipeline cannot be deployed: {error}", returncode=3)
        yield deployed
        # Whatever the tests showed: the double was as strict as it can be, and nothing fell through.
        told = strict.told(deployed, Path(os.environ["ECG_BIN"]) if os.environ.get("ECG_BIN") else None)
    finally:
        deployed.stop()
    _REPORT.extend(told.counts)
    if told.wrong:
        pytest.fail("\n".join(told.wrong), pytrace=False)


@pytest.fixture(scope="session")
def everything():
    """The pipeline, deployed with everything that a setting turns on."""
    if not os.environ.get("ECG_CDK_EVERYTHING"):
        pytest.skip("ECG_CDK_EVERYTHING does not name the folder that cdk synth wrote with every setting")
    deployed = Cloud(Path(os.environ["ECG_CDK_EVERYTHING"]).resolve())
    try:
        deployed.start()
        yield deployed
    finally:
        deployed.stop()


@contextmanager
def with_uploads_as_on_other_days(ecg, environment=None):
    """A pipeline of its own, whose bucket tells nobody of uploads: `driver.compaction.upload` does, with another time."""
    deployed = Cloud(_synthesised(), environment=environment)
    try:
        deployed.start()
        deployed.client("s3").put_bucket_notification_configuration(Bucket=deployed.raw_bucket, NotificationConfiguration={})
        yield deployed
        told = strict.told(deployed, ecg)
    finally:
        deployed.stop()
    assert not told.wrong, "\n".join(told.wrong)


@pytest.fixture
def another_cloud():
    """Makes a deployed pipeline beside that of the session, for what would disturb other tests."""
    made = []

    def make(changed=lambda template: None, environment=None):
        made.append(Cloud(_from_environment("ECG_CDK_OUT", "the folder that cdk synth wrote"), changed, environment))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(autouse=True)
def no_flood_from_before(request):
    """Each test begins as if nothing had failed for long: what the tests before it did is no flood."""
    # Some tests need no cloud.
    if "cloud" in request.fixturenames:
        request.getfixturevalue("cloud").forget_floods()


@pytest.fixture(scope="session")
def ecg() -> Path:
    """The command line."""
    return _from_environment("ECG_BIN", "the binary ecg")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The synthetic recordings and the malformed files."""
    return REPOSITORY / "testdata"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real recordings; where they are absent a test is reported as skipped."""
    folder = Path(os.environ.get("ECG_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder} (ECG_DATA)")
    return folder


@pytest.fixture
def without_events(cloud):
    """Uploads start nothing while the test prepares: files that were there before the pipeline."""
    s3 = cloud.client("s3")
    wired = s3.get_bucket_notification_configuration(Bucket=cloud.raw_bucket)
    wired.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=cloud.raw_bucket, NotificationConfiguration={})
    yield lambda: s3.put_bucket_notification_configuration(Bucket=cloud.raw_bucket, NotificationConfiguration=wired)
    s3.put_bucket_notification_configuration(Bucket=cloud.raw_bucket, NotificationConfiguration=wired)


@pytest.fixture
def report():
    """Puts a line below the results."""
    return _REPORT.append


def pytest_terminal_summary(terminalreporter):
    """The lines of `report`."""
    for line in _REPORT:
        terminalreporter.write_line(line)


def pytest_collection_modifyitems(items):
    """The rights come last: they are judged by what the functions did in all other tests, too."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")
