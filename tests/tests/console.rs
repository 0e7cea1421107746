//! `ecg console`: who may ask, what is shown of odd input, and what is refused. What a browser makes of the pages is in
//! `tests/console`.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ecg_tests::cli::command;
use ecg_tests::files::{copy_file, malformed, recordings};
use ecg_tests::lake::TestLake;

/// A console over a lake, as long as this is there.
struct Console {
    child: Child,
    port: u16,
    token: String,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer: status, head and body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Console {
    fn over(lake: &TestLake) -> Console {
        let mut console = command(&["console", "--port", "0", "--no-open", "--lake"]);
        let mut child = console
            .arg(lake.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let (host, token) = address
            .trim()
            .split_once("/?token=")
            .expect("an address with a token");
        let port = host
            .strip_prefix("http://127.0.0.1:")
            .expect("on loopback")
            .parse()
            .unwrap();
        Console {
            child,
            port,
            token: token.to_owned(),
        }
    }

    /// A request as it is typed: its first line, its head, its body.
    fn send(&self, line: &str, head: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut text = format!(
            "{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in head {
            text += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        // A server that refuses need not read to the end.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn cookie(&self) -> String {
        format!("ecg_console_{}={}", self.port, self.token)
    }

    /// A request of a page of this console.
    fn ask(&self, line: &str, body: &str) -> Answer {
        self.ask_bytes(line, body.as_bytes())
    }

    fn ask_bytes(&self, line: &str, body: &[u8]) -> Answer {
        let (host, cookie) = (self.host(), self.cookie());
        let origin = format!("http://{host}");
        let mut head = vec![("Host", host.as_str()), ("Cookie", cookie.as_str())];
        if !line.starts_with("GET") {
            head.push(("Origin", &origin));
            head.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        self.send(line, &head, body)
    }

    fn page(&self, path: &str) -> String {
        let answer = self.ask(&format!("GET {path}"), "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    fn query(&self, sql: &str) -> String {
        self.ask("POST /query", &format!("sql={}", encoded(sql))).body
    }

    /// Files that are dropped on a page, by name.
    fn dropped(&self, files: &[(&str, &[u8])]) -> Answer {
        self.ask_bytes("POST /uploads", &dropped(files))
    }

    /// The same, when their runs have ended: the panel.
    fn run(&self, files: &[(&str, &[u8])]) -> String {
        let answer = self.dropped(files);
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.ended()
    }

    /// Begins to send a file, and sends a part of it.
    fn half(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (host, cookie) = (self.host(), self.cookie());
        let head = format!(
            "POST /uploads HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: http://{host}\r\nContent-Length: 1000000\r\n\r\n\
             [[\"half.mat\", 900000]]\nthe first bytes of a patient"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// Waits until the action under way has ended, and returns its panel.
    fn ended(&self) -> String {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let panel = self.page("/jobs");
            if panel.contains("/jobs/close") {
                return panel;
            }
            assert!(Instant::now() < until, "{panel}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The body of a request that brings files.
fn dropped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let named: Vec<(&str, usize)> = files.iter().map(|(name, bytes)| (*name, bytes.len())).collect();
    let mut body = serde_json::to_vec(&named).unwrap();
    body.push(b'\n');
    body.extend(files.iter().flat_map(|(_, bytes)| *bytes));
    body
}

/// What is in the inbox, once there are so many files and folders in it.
fn inbox_has(lake: &TestLake, expected: usize) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let found: Vec<_> = fs::read_dir(lake.path().join("inbox"))
            .into_iter()
            .flatten()
            .collect();
        if found.len() == expected {
            return;
        }
        assert!(Instant::now() < until, "expected {expected}, found {found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A lake with the run of one file, after which the command has this exit status.
fn lake_with(file: &Path, name: &str, status: i32) -> TestLake {
    let lake = TestLake::new();
    let folder = lake.beside("files");
    copy_file(file, &folder.join(name));
    lake.run(&folder, status);
    lake
}

/// The name of the last failed run.
fn failed_of(lake: &TestLake) -> String {
    let runs = lake.ecg(&["runs", "--failed", "--json"]).expect(0).json();
    let last = runs.as_array().unwrap().last().unwrap();
    last["execution"].as_str().unwrap().to_owned()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn only_who_has_the_token_is_let_in() {
    let console = Console::over(&TestLake::new());
    let (host, cookie) = (console.host(), console.cookie());
    let with = |head: &[(&str, &str)]| console.send("GET /runs", head, b"");

    let let_in = console.send(&format!("GET /?token={}", console.token), &[("Host", &host)], b"");
    assert_eq!(let_in.status, 303);
    assert!(
        let_in.head.contains("httponly; samesite=strict"),
        "{}",
        let_in.head
    );
    assert!(
        let_in.head.contains("location: /\r\n"),
        "the token stays in no address: {}",
        let_in.head
    );
    assert_eq!(with(&[("Host", &host), ("Cookie", &cookie)]).status, 200);
    // Another server's address in the path is no place to be sent to.
    let away = console.send(
        &format!("GET //evil.example/?token={}", console.token),
        &[("Host", &host)],
        b"",
    );
    assert!(away.head.contains("location: /evil.example/"), "{}", away.head);

    type Case<'a> = (&'a str, u16, Vec<(&'a str, &'a str)>);
    let cases: [Case<'_>; 6] = [
        ("no token", 401, vec![("Host", &host)]),
        (
            "a wrong token",
            401,
            vec![("Host", &host), ("Cookie", "ecg_console_1=x")],
        ),
        (
            "a forged host",
            421,
            vec![("Host", "evil.example"), ("Cookie", &cookie)],
        ),
        (
            "a host that begins alike",
            421,
            vec![("Host", "127.0.0.1.evil.example"), ("Cookie", &cookie)],
        ),
        (
            "another port",
            421,
            vec![("Host", "127.0.0.1:1"), ("Cookie", &cookie)],
        ),
        (
            "a page of another site",
            403,
            vec![
                ("Host", &host),
                ("Cookie", &cookie),
                ("Origin", "http://evil.example"),
            ],
        ),
    ];
    for (what, expected, head) in &cases {
        assert_eq!(with(head).status, *expected, "{what}");
    }
    let forged = console.send(
        &format!("GET /?token={}", console.token),
        &[("Host", "evil.example")],
        b"",
    );
    assert_eq!(forged.status, 421, "also with the token in the address");
    assert_eq!(console.send("GET /?token=0", &[("Host", &host)], b"").status, 401);
    assert_eq!(
        console
            .send("GET /assets/console.css", &[("Host", &host)], b"")
            .status,
        401
    );
}

#[test]
fn nothing_is_changed_for_another_site() {
    let console = Console::over(&TestLake::new());
    let (host, cookie) = (console.host(), console.cookie());
    let own = format!("http://{host}");
    for (origin, expected) in [
        (None, 403),
        (Some("null"), 403),
        (Some("http://evil.example"), 403),
        (Some("https://127.0.0.1"), 403),
        (Some(own.as_str()), 200),
    ] {
        let mut head = vec![
            ("Host", host.as_str()),
            ("Cookie", cookie.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        head.extend(origin.map(|origin| ("Origin", origin)));
        for (line, body) in [
            ("POST /redrive", "execution=x"),
            ("POST /query", "sql=select+1"),
            ("POST /jobs/close", ""),
        ] {
            assert_eq!(
                console.send(line, &head, body.as_bytes()).status,
                expected,
                "{line} {origin:?}"
            );
        }
    }
}

#[test]
fn pages_load_nothing_from_elsewhere_and_have_nothing_inline() {
    let lake = TestLake::new();
    let folder = lake.beside("files");
    copy_file(&recordings().join("formats/level5.mat"), &folder.join("a.mat"));
    copy_file(&malformed().join("text.mat"), &folder.join("b.mat"));
    lake.run(&folder, 1);
    let console = Console::over(&lake);
    let failed = failed_of(&lake);
    for path in [
        "/runs".to_owned(),
        "/failures".to_owned(),
        "/subjects".to_owned(),
        "/subjects?by=folder".to_owned(),
        "/query".to_owned(),
        format!("/runs/{failed}"),
        format!("/runs/{failed}?view=table"),
        format!("/runs/{failed}?view=events"),
        format!("/compare?a={failed}"),
    ] {
        let answer = console.ask(&format!("GET {path}"), "");
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer
                .head
                .contains("content-security-policy: default-src 'none'"),
            "{path}"
        );
        for never in [
            "style=\"",
            "<script>",
            " onclick",
            "javascript:",
            "src=\"http",
            "href=\"http",
        ] {
            assert!(!answer.body.contains(never), "{path}: {never}");
        }
    }
    let missing = console.ask("GET /runs/nothing-like-it", "");
    assert_eq!(
        (missing.status, missing.body.contains("nothing-like-it")),
        (404, true)
    );
    assert_eq!(console.ask("GET /no/such/page", "").status, 404);
}

#[test]
fn names_and_labels_are_text() {
    let lake = TestLake::new();
    let folder = lake.beside("odd");
    let name = "<img src=x onerror=alert(1)>\"'&.mat";
    copy_file(&malformed().join("text.mat"), &folder.join(name));
    lake.run(&folder, 1);
    let console = Console::over(&lake);
    let id = failed_of(&lake);
    for path in [
        "/runs".to_owned(),
        "/failures".to_owned(),
        "/subjects?by=folder".to_owned(),
        format!("/runs/{id}"),
        format!("/runs/{id}?view=events"),
        format!("/runs/{id}/export"),
        "/runs?text=%3Cscript%3Ealert(1)%3C%2Fscript%3E&since=%3Cb%3E".to_owned(),
        "/subjects?who=%3Cscript%3E".to_owned(),
        "/query?sql=%3C%2Ftextarea%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
    ] {
        let page = console.page(&path);
        for never in ["<img src=x", "<script>alert", "</textarea><script"] {
            assert!(!page.contains(never), "{path}: {never}");
        }
    }
    assert!(
        console
            .page("/runs")
            .contains("&#60;img src=x onerror=alert(1)&#62;")
    );
    let answer = console.query("select '<script>alert(1)</script>' as \"<b>\"");
    assert!(
        !answer.contains("<script>alert") && !answer.contains("<b></"),
        "{answer}"
    );
}

#[test]
fn queries_only_read_and_only_the_tables() {
    let lake = lake_with(&recordings().join("formats/level5.mat"), "a.mat", 0);
    let console = Console::over(&lake);
    let out = lake.beside("out");
    fs::create_dir(&out).unwrap();
    for (sql, why) in [
        (
            format!("copy (select 1) to '{}/x.csv'", out.display()),
            "a query only reads",
        ),
        (
            "create external table t stored as csv location '/etc/passwd'".to_owned(),
            "a query only reads",
        ),
        ("create table t as select 1".to_owned(), "a query only reads"),
        ("drop table recordings".to_owned(), "a query only reads"),
        (
            "insert into recordings select * from recordings".to_owned(),
            "a query only reads",
        ),
        (
            "set datafusion.execution.batch_size = 1".to_owned(),
            "a query only reads",
        ),
        (
            "explain analyze copy (select 1) to 'x.csv'".to_owned(),
            "only reads",
        ),
        ("select * from '/etc/passwd'".to_owned(), "no table or view"),
        ("select * from '../journal.sqlite'".to_owned(), "no table or view"),
        (
            "select * from read_csv('/etc/passwd')".to_owned(),
            "no table or view",
        ),
        ("select 1; drop table recordings".to_owned(), ""),
        ("".to_owned(), "expected a query"),
    ] {
        let answer = console.query(&sql);
        assert!(answer.contains("role=\"alert\""), "{sql}: {answer}");
        assert!(answer.contains(why), "{sql}: {answer}");
        let file = console.ask(
            &format!("GET /query/download?format=csv&sql={}", encoded(&sql)),
            "",
        );
        assert_ne!(file.status, 200, "{sql}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    let answer = console.query("select count(*) as n from recordings");
    assert!(answer.contains("<td>1</td>"), "{answer}");
    let sql = encoded("select recording_id, mv from segments");
    let csv = console.ask(&format!("GET /query/download?format=csv&sql={sql}"), "");
    assert!(csv.body.contains("recording_id,mv"), "{}", csv.body);
    let none = encoded("select recording_id, mv from segments where lead = 99");
    let csv = console.ask(&format!("GET /query/download?format=csv&sql={none}"), "");
    assert!(csv.body.contains("recording_id,mv\n"), "{}", csv.body);
    let parquet = console.ask(&format!("GET /query/download?format=parquet&sql={sql}"), "");
    assert_eq!((parquet.status, parquet.body.contains("PAR1")), (200, true));
}

#[test]
fn files_come_into_the_lake_by_name_only_and_their_runs_appear() {
    let lake = TestLake::new();
    let console = Console::over(&lake);
    assert!(
        console.page("/runs").contains("No runs yet"),
        "a lake need not be there"
    );
    let good = fs::read(recordings().join("formats/level5.mat")).unwrap();
    for name in [
        "../up.mat",
        "a/b.mat",
        "/etc/up.mat",
        ".hidden.mat",
        "a\\b.mat",
        "a\0b.mat",
        "notes.txt",
        "only-a-header.hea",
        "",
    ] {
        let answer = console.dropped(&[(name, &good)]);
        assert_eq!(answer.status, 422, "{name}");
    }
    assert!(!lake.path().join("up.mat").exists() && !lake.path().parent().unwrap().join("up.mat").exists());
    for (body, why) in [
        (
            dropped(&[("a.mat", &good), ("a.mat", &good)]),
            "found two of this one",
        ),
        (
            b"[[\"a.mat\", 9]]\nx".to_vec(),
            "a.mat: expected 9 bytes, found 1",
        ),
        (b"[[\"a.mat\", 1]]\nxyz".to_vec(), "more bytes behind them"),
        (
            b"[[\"a.mat\", 99000000000000]]\nx".to_vec(),
            "a.mat: expected at most",
        ),
        (b"[[\"a.mat\", -1]]\nx".to_vec(), "names and sizes of files"),
        (b"no line".to_vec(), "expected a line with the names"),
    ] {
        let answer = console.ask_bytes("POST /uploads", &body);
        assert_eq!(
            (answer.status, answer.body.contains(why)),
            (422, true),
            "{}",
            answer.body
        );
        inbox_has(&lake, 0);
    }

    let bad = fs::read(malformed().join("text.mat")).unwrap();
    let panel = console.run(&[("good.mat", &good), ("bad one.mat", &bad)]);
    assert!(
        panel.contains("1 succeeded") && panel.contains("1 failed"),
        "{panel}"
    );
    let runs = console.page("/runs");
    assert!(runs.contains("/good.mat") && runs.contains("/bad one.mat"));
    inbox_has(&lake, 0);

    // Its failure: redriven, by itself and as a group.
    let failed = failed_of(&lake);
    for form in [format!("execution={failed}"), String::new()] {
        console.ask("POST /redrive", &form);
        let panel = console.ended();
        assert!(panel.contains("1 failed"), "{panel}");
        console.ask("POST /jobs/close", "");
    }
    assert!(
        console
            .page(&format!("/runs/{failed}"))
            .contains("<dt>Redrives</dt><dd>2</dd>")
    );
    console.ask("POST /rerun", &format!("execution={failed}"));
    console.ended();
    assert!(console.page("/runs").contains(&format!("{failed}-r1")));
    // A rerun stands for its recording.
    let refused = console.ask("POST /redrive", &format!("execution={failed}"));
    let panel = refused.body + &console.ended();
    assert!(
        panel.contains("expected the last run of its recording"),
        "{panel}"
    );
}

#[test]
fn files_of_one_name_are_recordings_of_their_own() {
    let lake = TestLake::new();
    let console = Console::over(&lake);
    let file = |path: &str| fs::read(recordings().join(path)).unwrap();
    let (mat, hea) = (file("header/two-leads.mat"), file("header/two-leads.hea"));
    let other = file("formats/level5.mat");
    let runs = || {
        lake.ecg(&["runs", "--json"])
            .expect(0)
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    let gains = |record: &str| {
        let sql = "select source_key, lead_names, calibration_source from current order by 1";
        let rows = lake.query(sql);
        let of = rows
            .into_iter()
            .filter(|row| row["source_key"].as_str().unwrap().ends_with(record));
        of.map(|row| format!("{} {}", row["calibration_source"], row["lead_names"]))
            .collect::<Vec<_>>()
    };

    // Two people's files of one name: neither replaces the other, and the header of the first is not that of the second.
    console.run(&[("two-leads.mat", &mat), ("two-leads.hea", &hea)]);
    console.run(&[("two-leads.mat", &other)]);
    let of_both = gains("/two-leads.mat");
    assert_eq!(of_both.len(), 2, "{of_both:?}");
    let with_header = of_both.iter().filter(|row| row.contains("\"header\""));
    assert_eq!(with_header.count(), 1, "{of_both:?}");

    // A file that is there is not run again, with its header or without.
    for files in [
        &[("two-leads.mat", mat.as_slice())][..],
        &[("two-leads.mat", &mat), ("two-leads.hea", &hea)],
    ] {
        let panel = console.run(files);
        assert!(
            panel.contains("1 succeeded") && panel.contains("in the lake already, not run again</span>"),
            "{panel}"
        );
        assert_eq!(runs(), 2);
    }

    // A header that was corrected is taken into account by the next run.
    let corrected = String::from_utf8(hea).unwrap().replace("MLII", "III");
    let panel = console.run(&[("two-leads.mat", &mat), ("two-leads.hea", corrected.as_bytes())]);
    assert!(
        panel.contains("its header (.hea) changed since: Run again takes that into account"),
        "{panel}"
    );
    let first = lake.query("select recording_id from recordings where calibration_source = 'header'");
    let first = first[0]["recording_id"].as_str().unwrap();
    console.ask("POST /rerun", &format!("execution={first}"));
    assert!(console.ended().contains("1 succeeded"));
    assert!(
        gains("/two-leads.mat").iter().any(|row| row.contains("III")),
        "{:?}",
        gains("/two-leads.mat")
    );

    // A WFDB record: its header names its file.
    let panel = console.run(&[
        ("format212.hea", &file("wfdb/format212.hea")),
        ("format212.dat", &file("wfdb/format212.dat")),
    ]);
    assert!(
        panel.contains("1 succeeded") && panel.contains("Upload format212.dat"),
        "{panel}"
    );

    // Erasing one person leaves the others.
    lake.ecg(&["forget", first, "--yes"]).expect(0);
    assert_eq!(gains("/two-leads.mat").len(), 1);
    assert_eq!(lake.count("select count(*) from current"), 2);
}

#[test]
fn nothing_of_a_drop_stays_in_the_inbox() {
    let lake = TestLake::new();
    let mut console = Console::over(&lake);
    let good = fs::read(recordings().join("formats/level5.mat")).unwrap();

    // While files are received, another console takes nothing away.
    let half = console.half();
    inbox_has(&lake, 1);
    let other = Console::over(&lake);
    other.run(&[("good.mat", &good)]);
    inbox_has(&lake, 1);
    drop(half);
    inbox_has(&lake, 0);

    // What a console leaves that is killed, the next one, the next drop and an erasure remove.
    let stale = lake.path().join("inbox/0123456789abcdef");
    let leave = || {
        fs::create_dir(&stale).unwrap();
        fs::write(stale.join("good.hea"), "of a patient").unwrap();
    };
    let _half = console.half();
    inbox_has(&lake, 1);
    console.child.kill().unwrap();
    console.child.wait().unwrap();
    inbox_has(&lake, 1);
    console = Console::over(&lake);
    inbox_has(&lake, 0);
    leave();
    console.run(&[("good.mat", &good)]);
    inbox_has(&lake, 0);
    leave();
    lake.ecg(&["forget", "--key", "uploads/", "--yes"]).expect(0);
    inbox_has(&lake, 0);
}

#[test]
fn a_refused_action_leaves_no_thread() {
    let lake = lake_with(&recordings().join("formats/level5.mat"), "a.mat", 0);
    let console = Console::over(&lake);
    let id = lake.ecg(&["runs", "--json"]).expect(0).json()[0]["execution"]
        .as_str()
        .unwrap()
        .to_owned();
    for (line, form, why) in [
        (
            "POST /redrive",
            format!("execution={id}"),
            "expected a failed execution",
        ),
        (
            "POST /rerun",
            "execution=nothing-like-it".to_owned(),
            "no execution",
        ),
    ] {
        console.ask(line, &form);
        let panel = console.ended();
        assert!(panel.contains(why), "{panel}");
    }
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", console.child.id())) else {
        return println!("skipped: threads are looked up in /proc");
    };
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default());
    let names: Vec<String> = names.collect();
    assert!(
        names.len() > 1 && !names.iter().any(|name| name.trim() == "journal"),
        "{names:?}"
    );
}

#[test]
fn what_a_function_logged_is_at_the_state_that_called_it() {
    let lake = lake_with(&malformed().join("text.mat"), "b.mat", 1);
    let console = Console::over(&lake);
    let id = failed_of(&lake);
    for (visit, state) in ["Validate", "RecordFailure", "RegisterFailure"]
        .iter()
        .enumerate()
    {
        let page = console.page(&format!("/runs/{id}?view=table&state={visit}"));
        let logs = page.split_once(&format!("aria-label=\"Logs of {state}\">"));
        let (_, logs) = logs.unwrap_or_else(|| panic!("{state}: {page}"));
        let (logs, _) = logs.split_once("</div></div>").unwrap();
        assert_eq!(logs.matches("<time>").count(), 1, "{state}: {logs}");
    }
}

#[test]
fn looking_never_waits_and_actions_say_who_holds_the_lake() {
    let lake = lake_with(&malformed().join("text.mat"), "b.mat", 1);
    let failed = failed_of(&lake);
    let console = Console::over(&lake);
    let lock = fs::File::options()
        .read(true)
        .write(true)
        .open(lake.path().join(".lock"))
        .unwrap();
    lock.lock().unwrap();
    fs::write(lake.path().join(".lock"), "`ecg run`, process 4242\n").unwrap();
    let answer = console.ask("POST /redrive", &format!("execution={failed}"));
    assert!(
        answer
            .body
            .contains("`ecg run`, process 4242 is working in this lake"),
        "{}",
        answer.body
    );
    let answer = console.dropped(&[("a.mat", b"x")]);
    assert_eq!((answer.status, answer.body.contains("process 4242")), (409, true));
    assert!(console.page("/runs").contains("b.mat"));
    drop(lock);
    console.ask("POST /redrive", &format!("execution={failed}"));
    assert!(console.ended().contains("1 failed"));
}

#[test]
fn a_body_has_a_limit() {
    let console = Console::over(&TestLake::new());
    let answer = console.ask("POST /query", &format!("sql={}", "x".repeat(2 << 20)));
    assert_eq!(answer.status, 413);
}

#[test]
fn a_run_as_one_file_needs_nothing_else() {
    let lake = lake_with(&malformed().join("text.mat"), "b.mat", 1);
    let id = failed_of(&lake);
    let file = lake.path().join("run.html");
    let shown = command(&["show", &id, "--html"])
        .arg(&file)
        .arg("--lake")
        .arg(lake.path())
        .status()
        .unwrap();
    assert!(shown.success());
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("expected a MATLAB MAT file") && page.contains("RegisterFailure</text>"));
    for never in ["src=", "<link", "<script", "url(http", "token"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("MATLAB MAT file") && page.contains("<h2>Checks</h2>"));
    let logs = command(&["show", &id, "--logs", "--json", "--lake"])
        .arg(lake.path())
        .output()
        .unwrap();
    let first: serde_json::Value =
        serde_json::from_str(String::from_utf8(logs.stdout).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["step"], &first["attempt"], &first["error"]),
        (&"validate".into(), &1.into(), &"Rejected".into())
    );
}

#[test]
fn a_recording_in_one_file_is_on_paper_where_something_is_odd() {
    let lake = TestLake::new();
    let folder = lake.beside("files");
    copy_file(
        &recordings().join("header/two-leads.mat"),
        &folder.join("short.mat"),
    );
    copy_file(
        &recordings().join("header/two-leads.hea"),
        &folder.join("short.hea"),
    );
    let long = folder.join("long.mat");
    command(&[
        "synth",
        "--duration",
        "5m",
        "--rhythm",
        "ectopic",
        "--flat",
        "200s+6s",
    ])
    .arg(&long)
    .status()
    .unwrap();
    lake.run(&folder, 0);
    let file = lake.beside("recording.html");
    let shown = |id: &str, more: &[&str]| {
        let file = file.to_str().unwrap();
        lake.ecg(&[&["show", id, "--html", file], more].concat())
    };
    let page = || fs::read_to_string(&file).unwrap();
    // Paths of curves, of two leads.
    let curves = |page: &str| page.matches("class=\"curve\"").count();

    shown("short", &[]).expect(0);
    let short = page();
    assert_eq!(curves(&short), 4, "two leads in each of two strips");
    assert!(short.contains("25 mm/s, 10 mm/mV") && short.contains("MLII") && short.contains("V5"));
    assert!(!short.contains("class=\"trend\""), "20 s have no trend");

    shown("long", &[]).expect(0);
    let long = page();
    assert!(long.contains("class=\"trend\"") && long.contains("<figcaption>the beginning"));
    assert!(
        long.contains("flat line in MLII") && !long.contains("longest pause"),
        "an electrode that fell off"
    );
    let few = curves(&long);
    assert!((1..=8).contains(&few), "{few}");
    shown("long", &["--at", "123.4", "--at", "250"]).expect(0);
    assert_eq!(curves(&page()), few + 2);
    assert_eq!(page().matches("<figcaption>asked for").count(), 2);
    assert!(page().contains("123.4 to 133.4 s of 300 s"));
    let wrong = shown("long", &["--at", "300"]).expect(2);
    assert!(
        wrong
            .stderr
            .contains("--at: expected 0 or more and less than 300"),
        "{wrong:?}"
    );
    for never in ["src=", "<link", "<script", "url(http", "token"] {
        assert!(!long.contains(never), "{never}");
    }
}
