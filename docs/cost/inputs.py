"""What the model of costs is made of: prices, quotas, what was measured, what is assumed. Nothing is computed here.

Each entry says where it is from, so that a reader can put in their own. Memory and time limits of the functions and the states of the
workflow are not here: model.py reads them where they are set.
"""

# USD for one, us-east-1, as known in November 2026: list prices without volume discounts, taxes and free tiers. The name is that of AWS's page.
PRICES = {
    "transition": (25.00e-6, "AWS Step Functions pricing: Standard workflows, state transitions"),
    "Express request": (1.00e-6, "AWS Step Functions pricing: Express workflows, requests"),
    "Express GB s": (16.67e-6, "AWS Step Functions pricing: Express workflows, duration, in steps of 64 MB"),
    "Lambda GB s": (13.3334e-6, "AWS Lambda pricing: duration, Arm"),
    "Lambda call": (0.20e-6, "AWS Lambda pricing: requests"),
    "S3 write": (5.00e-6, "Amazon S3 pricing: PUT, COPY, POST, LIST, S3 Standard"),
    "S3 read": (0.40e-6, "Amazon S3 pricing: GET and all other, S3 Standard"),
    "S3 GB month": (0.023, "Amazon S3 pricing: S3 Standard, first 50 TB"),
    "Glacier GB month": (0.0036, "Amazon S3 pricing: S3 Glacier Flexible Retrieval"),
    "Glacier move": (30.00e-6, "Amazon S3 pricing: lifecycle transitions into S3 Glacier Flexible Retrieval"),
    "log GB": (0.50, "Amazon CloudWatch pricing: logs, collect, Standard"),
    "log GB month": (0.03, "Amazon CloudWatch pricing: logs, store, of the compressed size"),
    "metric": (0.30, "Amazon CloudWatch pricing: custom metrics, first 10,000"),
    "alarm": (0.10, "Amazon CloudWatch pricing: alarms, for each metric of standard resolution"),
    "Glue call": (1.00e-6, "AWS Glue pricing: Data Catalog, requests"),
    "trace": (5.00e-6, "AWS X-Ray pricing: traces recorded"),
    "SQS call": (0.40e-6, "Amazon SQS pricing: standard queues"),
    "Athena TB": (5.00, "Amazon Athena pricing: SQL queries, TB scanned"),
    "KMS key": (1.00, "AWS KMS pricing: key storage"),
    "secret": (0.40, "AWS Secrets Manager pricing"),
}

# As known in November 2026: in us-east-1, us-west-2 and eu-west-1; elsewhere; the name of AWS's page.
QUOTAS = {
    "Lambda at once": (1000, 1000, "Lambda quotas: concurrent executions; many new accounts have 10"),
    "Lambda calls": (10, 10, "Lambda quotas: synchronous invocations a second, for each of the concurrent executions"),
    "StartExecution": (300, 150, "Step Functions quotas: API throttling, refill a second; at once 1,300 and 500"),
    "transitions": (5000, 800, "Step Functions quotas: state throttling, Standard, a second"),
    "open executions": (1e6, 1e6, "Step Functions quotas: open executions of an account"),
    "GetExecutionHistory": (20, 20, "Step Functions quotas: API throttling, refill a second; at once 400"),
    "S3 writes": (3500, 3500, "Amazon S3 user guide, optimizing performance: PUT, COPY, POST, DELETE a second and prefix"),
    "S3 reads": (5500, 5500, "Amazon S3 user guide, optimizing performance: GET, HEAD a second and prefix"),
    "log calls": (5000, 5000, "CloudWatch Logs quotas: PutLogEvents a second of an account"),
    "Athena seconds": (1800, 1800, "Athena quotas: time limit of a query"),
    "Lambda seconds": (900, 900, "Lambda quotas: time limit of a function"),
}

# Bytes and times that were measured at two lengths; the model draws a straight line through both. (x, y) and (x, y), x in samples or in seconds
# of one lead. Synthetic recordings at 360 Hz (`ecg synth`), 27 November 2026, commit a5a4a28, recipe 3. A strip is 10 s of one lead, 3,600
# samples; a day is 24 h of two, 62,208,000 samples; the table `windows` begins at a minute.
LINES = {
    # Bytes of objects, as they lie in the emulator's buckets after the run.
    "upload": ("samples", (3600, 7224), (62208000, 124416024)),
    "verdict.json": ("samples", (3600, 2518), (62208000, 2706)),
    "parsed.arrow": ("samples", (3600, 11810), (62208000, 124745890)),
    "transformed-segments.arrow": ("samples", (3600, 25418), (62208000, 256654994)),
    "transformed-beats.arrow": ("lead seconds", (10, 8506), (172800, 41836530)),
    "transformed-windows.arrow": ("lead seconds", (60, 11098), (172800, 240026)),
    "transformed-recordings.arrow": ("lead seconds", (10, 11210), (172800, 11210)),
    "segments.parquet": ("samples", (3600, 10793), (62208000, 66267368)),
    "beats.parquet": ("lead seconds", (10, 6226), (172800, 9366448)),
    "windows.parquet": ("lead seconds", (60, 6785), (172800, 89140)),
    "recordings.parquet": ("lead seconds", (10, 6349), (172800, 6371)),
    # Bytes of lines that the functions log, and of the events of the history as JSON, for three tables; a fourth adds to the history.
    "functions' log": ("samples", (3600, 4675), (62208000, 6705)),
    "history": ("samples", (3600, 10507), (62208000, 10570)),
    # Milliseconds of a processor. The strip: what the functions report, release builds of 26 November (recipe 2): `start` and `crawl` on the
    # emulator, with the time of its answers, the others with an S3 in memory (example `work` of shared/testing), best of three; transform 0.2 ms
    # more for recipe 3. The day, validate to write: `ecg run`, release build of recipe 3, bound to one processor. The machine was busy: the
    # processor time of the whole process, 6.1 s, is shared out as the best times of the steps were. `start` and `crawl` as for the strip.
    "start": ("samples", (3600, 4.0), (62208000, 4.6)),
    "validate": ("samples", (3600, 3.0), (62208000, 320)),
    "parse": ("samples", (3600, 3.0), (62208000, 250)),
    "transform": ("samples", (3600, 5.2), (62208000, 3800)),
    "write": ("samples", (3600, 6.0), (62208000, 1700)),
    "crawl": ("samples", (3600, 24.0), (62208000, 30)),
}
# Megabytes that the process of a function held at most, a day of two leads, development build; a release build of recipe 2 held up to 54 less.
MEMORY_HELD = {"start": 20, "validate": 125, "parse": 171, "transform": 245, "write": 272, "crawl": 28}
HISTORY_OF_WINDOWS = 1180

# The defaults of a deployment (infra/README.md, Settings).
SETTINGS = {"startConcurrency": 5, "rawGlacierDays": 90, "workDays": 30, "logDays": 90}

# How objects are read and written, as in the code (shared/store/src/reader.rs, s3) and counted by tests/tests/requests.rs.
CHUNK, PART = 8 << 20, 24 << 20
CHUNKS_KEPT = 6
WINDOWS_FROM_SECONDS = 60

# Nothing of this was measured, because there was no account. Each is on the dear side.
ASSUMED = {
    "seconds of a call": (0.020, "how long S3 and Glue let a function wait for an answer, one call after the other"),
    "MB a second": (75, "how fast a function moves bytes to and from S3"),
    "seconds of a state": (0.05, "what Step Functions takes between two functions"),
    "seconds to start": (1.0, "from the end of an upload to `start`: S3's event, the queue"),
    "log bytes besides": (7500, "START, END and REPORT of six invocations, the fields that Step Functions adds to 27 events, 26 bytes an entry"),
    "compressed": (0.3, "size at which CloudWatch keeps logs, as a share"),
    "access log bytes": (500, "S3's access log of one request"),
    "sampled": (0.05, "X-Ray's default rule: one request a second, and this share of the others"),
    "requests of a query": (2, "GETs of a query for one object: the footer, and the column chunks together"),
    "seconds of a LIST": (0.1, "a LIST of 1,000 objects, one after the other, when a query is planned"),
    "failed": (0.01, "share of files that fail"),
}

# Compaction as it was designed (ADR 0025); of what was built only requests were counted, so the rest is to be replaced by measurement. Two of them were tried with PyArrow, which merged the
# tables of 483 real strips: 5.3 KB of each were left, and an object took 1.0 ms to read and 0.2 ms to write.
DESIGNED = {
    "reads of an object": (1, "GETs of a small object when its day is merged"),
    "listed": (1000, "small objects that one LIST returns"),
    "ms of an object": (1.2, "processor time to merge one small object"),
    "at once": (16, "GETs under way while others are merged"),
    "MB of a large object": (128, "size of what a day becomes"),
    "days of both": (30, "days for which the small objects stay beside the large ones"),
    "bytes of a row": (890, "what one recording adds to the merged tables besides its signal and beats"),
}

# How a straight line was checked: measured, and not put in. Seconds, leads, and what a recording made (development build on the emulator,
# 27 November 2026, commit a5a4a28; counts and bytes do not depend on the build; reads and writes were counted again with
# compaction, and once more with the two looks for tombstones: tests/tests/requests.rs, functions/start/tests/lambda.rs).
CHECKS = {
    (10, 2): {"writes": 11, "reads": 15, "table bytes": 30394, "work bytes": 114100, "functions' log": 4673, "history": 10492},
    (60, 1): {"writes": 14, "reads": 17, "table bytes": 62698, "work bytes": 253210, "functions' log": 4673, "history": 11674},
    (300, 2): {"writes": 14, "reads": 17, "table bytes": 296763, "work bytes": 1809502, "functions' log": 4681, "history": 11691},
    (1800, 2): {"writes": 14, "reads": 17, "table bytes": 1547322, "work bytes": 10412961, "functions' log": 4689, "history": 11714},
    (3600, 2): {"writes": 14, "reads": 18, "table bytes": 3108884, "work bytes": 20799335, "functions' log": 4692, "history": 11714},
    (21600, 2): {"writes": 21, "reads": 35, "table bytes": 19047547, "work bytes": 124954874, "functions' log": 6034, "history": 11737},
    (86400, 2): {"writes": 39, "reads": 96},
}
# A thousand files of 10 s of one lead at once, on the emulator, the same build: 175 batches of `start`, 7 of the first found the day not registered.
# The reads are those of that run, 12,000, with what compaction adds, one each and one of those 7, and the two looks for
# tombstones.
CHECKS_THOUSAND = {"writes": 11007, "reads": 15007, "transitions": 5000, "Glue calls": 1063, "table objects": 3000, "table bytes": 23389000,
                   "work bytes": 82864491, "functions' log": 4698249, "history": 10541902}
# Bytes of the tables of real recordings, recipe 3: means of 483 strips (ECG_DATA, plawiak-2017) and of 24 half hours of two leads (mitdb-30min).
CHECKS_REAL = {(10, 1): 24579, (650000 / 360, 2): 1930268}
# Seconds of a processor that `ecg run` takes in all, release build of recipe 3, bound to one processor, best of three. A day is put in.
CHECKS_CPU = {(1800, 2): 0.16, (3600, 2): 0.28, (21600, 2): 1.53}
# Seconds of `ecg run` on that many files of 10 s (docs/performance.md, recipe 2), which says whether one file takes the same among many.
CHECKS_MANY = {100: 0.450, 2000: 5.75, 10000: 27.9}
