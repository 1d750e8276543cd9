//! Endpoints at which there is no engine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use builder::engine::docker::{DockerEngine, Environment, choose};
use builder::engine::{Engine, EngineError};

/// Greets an endpoint and returns cause and help of the failure.
async fn greet(address: &str, vars: &[(&str, &str)]) -> (String, String) {
    let environment = Environment {
        vars: vars
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        home: None,
    };
    let choice = choose(Some(address), &environment).expect("the address is well formed");
    let greeting = match DockerEngine::connect(choice).await {
        Ok(engine) => engine.ping().await,
        Err(error) => Err(error),
    };
    match greeting {
        Err(EngineError::Unreachable {
            endpoint,
            cause,
            help,
        }) => {
            assert_eq!(endpoint, address);
            (cause, help)
        }
        other => panic!("{other:?}"),
    }
}

/// Answers every connection with the same bytes.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[tokio::test]
async fn a_socket_that_is_not_there_asks_to_start_the_engine() {
    let (cause, help) = greet("unix:///nonexistent/docker.sock", &[]).await;
    assert!(cause.contains("no such socket"), "{cause}");
    assert!(
        help.contains("systemctl start docker") && help.contains("--docker-host"),
        "{help}"
    );
}

#[tokio::test]
async fn a_rootless_socket_is_offered_and_not_taken() {
    let runtime = tempfile::tempdir().unwrap();
    std::fs::write(runtime.path().join("docker.sock"), "").unwrap();
    let vars = [("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap())];
    let (_, help) = greet("unix:///nonexistent/docker.sock", &vars).await;
    assert!(
        help.contains(&format!("unix://{}/docker.sock", runtime.path().display())),
        "{help}"
    );
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_asks_to_start_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let (cause, help) = greet(&format!("unix://{}", socket.display()), &[]).await;
    assert!(cause.contains("Connection refused"), "{cause}");
    assert!(help.contains("systemctl start docker"), "{help}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let (cause, help) = greet(&address, &[]).await;
    assert!(cause.contains("Connection refused"), "{cause}");
    assert!(help.contains("--docker-host"), "{help}");
}

#[tokio::test]
async fn what_answers_otherwise_than_an_engine_is_told() {
    let check = async |answer: &'static [u8], expected: [&str; 2]| {
        let (cause, help) = greet(&server(answer), &[]).await;
        assert!(cause.contains(expected[0]), "{cause}");
        assert!(help.contains(expected[1]), "{help}");
    };
    let page = b"HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\n<h1>Nope</h1>";
    check(page, ["<h1>Nope</h1>", "something else listens"]).await;
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    check(
        text,
        [
            "does not answer as a container engine",
            "something else listens",
        ],
    )
    .await;
    let json = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    check(json, ["gives no version", "something else listens"]).await;
    let tls = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    check(tls, ["HTTPS", "DOCKER_TLS_VERIFY"]).await;
    check(
        b"SSH-2.0-OpenSSH_9.2\r\n",
        ["HTTP", "see that the engine listens there"],
    )
    .await;
    check(b"", ["closed", "see that the engine listens there"]).await;
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let start = Instant::now();
    let (cause, _) = greet(&address, &[]).await;
    assert!(cause.contains("no answer within 10 seconds"), "{cause}");
    assert!(start.elapsed() < Duration::from_secs(15));
}
