//! The lab's readiness with a real PostgreSQL: every failure has its word, and none a secret.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use http::StatusCode;
use labrat::app::dependencies::DatabaseUrl;
use labrat::app::dependencies::migrations::{MIGRATIONS, migrate};
use labrat::machine::reserved_port::ReservedPort;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ask::{Worker, block_on, words};
use super::servers::{self, SUPERUSER, Server};
use crate::harness::{PATIENCE, skip_unless};

/// Less than the two seconds that a check has by default, so that hanging cases are short.
const BUDGET: (&str, &str) = ("LAB_CHECK_SECONDS", "3");

fn url(server: &Server, host: &str, password: &str, database: &str) -> String {
    let (user, port) = (SUPERUSER.0, server.port());
    format!("postgres://{user}:{password}@{host}:{port}/{database}")
}

fn right(server: &Server, database: &str) -> String {
    url(server, "127.0.0.1", SUPERUSER.1, database)
}

async fn admin(server: &Server, database: &str) -> tokio_postgres::Client {
    let url = right(server, database);
    let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("the superuser can log in");
    tokio::spawn(connection);
    client
}

/// On a thread of its own, as an entry point has none of this test's event loop.
async fn migrated(url: String, last: Option<&'static str>) -> Vec<&'static str> {
    let database = DatabaseUrl::parse(&url).expect("a URL");
    let done = tokio::task::spawn_blocking(move || migrate(&database, last));
    done.await.expect("no panic").expect("it can be migrated")
}

async fn errors(database: &str) -> std::collections::BTreeMap<String, String> {
    Worker::new(&[("DATABASE_URL", database), BUDGET])
        .errors()
        .await
}

/// The errors must become these: on a busy machine a server may first be too slow for the budget.
async fn come_to(database: &str, expected: &std::collections::BTreeMap<String, String>) {
    let mut last = errors(database).await;
    for _ in 0..20 {
        if last == *expected {
            return;
        }
        last = errors(database).await;
    }
    assert_eq!(last, *expected, "{database}");
}

#[test]
fn every_way_in_which_postgres_is_not_there_has_its_word() {
    let server = match servers::postgres() {
        Ok(server) => server,
        Err(why) => {
            let _ = skip_unless(Err(why));
            return;
        }
    };
    block_on(cases(server));
}

async fn cases(server: Server) {
    let root = admin(&server, "postgres").await;
    for database in ["orders", "behind", "fresh"] {
        let create = format!("CREATE DATABASE {database}");
        root.batch_execute(&create).await.expect("a database");
    }
    root.batch_execute("CREATE ROLE visitor LOGIN PASSWORD 'planted-visitor'")
        .await
        .expect("a role");
    root.batch_execute("CREATE ROLE retired NOLOGIN PASSWORD 'planted-retired'")
        .await
        .expect("a role");
    let orders = right(&server, "orders");
    assert_eq!(migrated(orders.clone(), None).await.len(), MIGRATIONS.len());
    assert_eq!(migrated(orders.clone(), None).await, [""; 0]);
    migrated(right(&server, "behind"), Some(MIGRATIONS[0].version)).await;

    let both = |word| words(&[("database", word), ("migrations", word)]);
    let (_listener, silent) = servers::silent();
    let reserved = ReservedPort::choose().unwrap();
    let closed = reserved.number();
    let visitor = format!(
        "postgres://visitor:planted-visitor@127.0.0.1:{}/orders",
        server.port()
    );
    let retired = visitor.replace("visitor", "retired");
    for (database, expected) in [
        (orders.clone(), words(&[])),
        (
            right(&server, "behind"),
            words(&[("migrations", "pending_migration")]),
        ),
        (
            right(&server, "fresh"),
            words(&[("migrations", "pending_migration")]),
        ),
        (visitor, words(&[("migrations", "forbidden")])),
        (retired, both("refused_identity")),
        (
            url(&server, "127.0.0.1", "planted-wrong", "orders"),
            both("wrong_password"),
        ),
        (
            format!("postgres://lab@127.0.0.1:{}/orders", server.port()),
            both("wrong_password"),
        ),
        (right(&server, "planted_nowhere"), both("wrong_database")),
        (
            url(&server, "no-such-host.invalid", SUPERUSER.1, "orders"),
            both("unknown_host"),
        ),
        (
            format!("postgres://lab:planted@127.0.0.1:{closed}/orders"),
            both("refused"),
        ),
        (
            format!("postgres://lab:planted@127.0.0.1:{silent}/orders"),
            both("silent"),
        ),
    ] {
        come_to(&database, &expected).await;
    }
    encrypted(&server).await;
    slow(&server, &orders).await;
    away_and_back(server, &orders).await;
}

/// TLS is verified: the name, and who vouches for it.
async fn encrypted(server: &Server) {
    let authority = server.folder.path().join("authority.crt");
    let authority = authority.display();
    let at =
        |host: &str, query: &str| format!("{}?{query}", url(server, host, SUPERUSER.1, "orders"));
    let both = words(&[("database", "tls"), ("migrations", "tls")]);
    let trusted = format!("sslmode=verify-full&sslrootcert={authority}");
    assert_eq!(errors(&at("localhost", &trusted)).await, words(&[]));
    assert_eq!(
        errors(&at("localhost", "sslmode=require")).await,
        both,
        "nobody vouches for it"
    );
    assert_eq!(
        errors(&at("127.0.0.1", &trusted)).await,
        both,
        "another name"
    );
    let missing = "sslmode=require&sslrootcert=/no/such/file";
    let word = words(&[("database", "bad_setting"), ("migrations", "bad_setting")]);
    assert_eq!(errors(&at("localhost", missing)).await, word);
}

/// A server that answers too late is not one that never answered.
async fn slow(server: &Server, orders: &str) {
    let worker = Worker::new(&[("DATABASE_URL", orders), BUDGET]);
    let (status, body) = worker.ask("/warmup").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(worker.ask("/ready").await.0, StatusCode::OK);

    // Another session holds the table: one question waits, the other does not.
    let holder = admin(server, "orders").await;
    holder
        .batch_execute("BEGIN; LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("the lock");
    let found = until(&worker, |errors| !errors.is_empty()).await;
    assert_eq!(found, words(&[("migrations", "slow")]));
    holder.batch_execute("ROLLBACK").await.expect("no lock");
    until(&worker, |errors| errors.is_empty()).await;

    // The process that serves this worker stands still.
    let backends = holder
        .query(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'labrat' AND datname = 'orders'",
            &[],
        )
        .await
        .expect("the activity");
    let backends: Vec<i32> = backends.iter().map(|row| row.get(0)).collect();
    assert!(!backends.is_empty());
    for backend in &backends {
        // One of an earlier case may just have gone.
        let _ = kill(Pid::from_raw(*backend), Signal::SIGSTOP);
    }
    let found = until(&worker, |errors| !errors.is_empty()).await;
    assert_eq!(
        found,
        words(&[("database", "slow"), ("migrations", "slow")])
    );
    // A new connection serves the next question, while the old one still stands still.
    until(&worker, |errors| errors.is_empty()).await;
    for backend in &backends {
        let _ = kill(Pid::from_raw(*backend), Signal::SIGCONT);
    }
}

/// The server goes away and comes back; readiness follows both ways, by itself.
async fn away_and_back(server: Server, orders: &str) {
    let worker = Worker::new(&[("DATABASE_URL", orders), BUDGET]);
    assert_eq!(worker.errors().await, words(&[]));
    server.signal(Signal::SIGSTOP);
    let others = Worker::new(&[("DATABASE_URL", orders), BUDGET])
        .errors()
        .await;
    assert_eq!(
        others,
        words(&[("database", "silent"), ("migrations", "silent")])
    );
    server.signal(Signal::SIGCONT);
    until(&worker, |errors| errors.is_empty()).await;
    drop(server);
    let found = until(&worker, |errors| {
        errors.values().all(|word| word == "refused") && errors.len() == 2
    });
    found.await;
}

/// Ask until the errors are as wanted; the kept result of the second before has to pass.
async fn until(
    worker: &Worker,
    wanted: impl Fn(&std::collections::BTreeMap<String, String>) -> bool,
) -> std::collections::BTreeMap<String, String> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let errors = worker.errors().await;
        if wanted(&errors) {
            return errors;
        }
        assert!(std::time::Instant::now() < deadline, "still {errors:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_postgres_url_that_cannot_be_used_is_refused_without_showing_it() {
    for url in [
        "postgres://",
        "postgres://lab:planted@/orders",
        "postgres://lab:planted@h1,h2/orders",
        "postgres://lab:planted@h:port/orders",
        "postgres://lab:planted@h/orders?sslmode=planted",
        "postgres://lab:planted@h/orders?planted=1",
    ] {
        let error = DatabaseUrl::parse(url).expect_err(url);
        assert!(!error.to_string().contains("planted"), "{error}");
    }
    let good = DatabaseUrl::parse("postgresql://lab:planted@h:5433/orders?connect_timeout=3");
    assert!(!format!("{:?}", good.expect("a URL")).contains("planted"));
}

#[test]
fn an_entry_point_waits_for_a_server_that_is_not_up_yet_and_not_for_a_login_that_is_refused() {
    let server = match servers::postgres() {
        Ok(server) => server,
        Err(reason) => {
            assert!(!skip_unless(Err::<(), _>(reason)));
            return;
        }
    };
    let reserved = ReservedPort::choose().unwrap();
    let to = |port: u16, password: &str| {
        let user = SUPERUSER.0;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres")
    };
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["migrate", "--wait", "60", "--database"])
        .arg(to(reserved.address().port(), SUPERUSER.1))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(
        first.contains("at most: cannot connect: refused"),
        "{first}"
    );

    // Now it comes up: what comes to the port goes to the server.
    let front = TcpListener::bind(reserved.address()).unwrap();
    let behind = server.port();
    std::thread::spawn(move || {
        for client in front.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", behind)) else {
                break;
            };
            let halves = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut &client, &mut &server));
            std::thread::spawn(move || std::io::copy(&mut &halves.1, &mut &halves.0));
        }
    });
    let last = lines.map(Result::unwrap).last();
    assert_eq!(last.as_deref(), Some("applied 0001, 0002"));
    assert!(waiting.wait().unwrap().success());

    let refused = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args([
            "migrate",
            "--wait",
            "600",
            "--database",
            &to(behind, "wrong"),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("wrong_password") && !said.contains("waiting"),
        "{said}"
    );
}
