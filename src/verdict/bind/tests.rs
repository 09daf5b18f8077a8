use super::*;

const SCRIPT: &str = "#!/bin/sh\nset -e\npython manage.py migrate\nexport HOST=127.0.0.1\nexec gunicorn -b $HOST:8000 shop.wsgi\n";

fn in_reach(command: &str) -> Option<bool> {
    let variables = [("PORT", "8000"), ("GUNICORN_TIMEOUT", "600")];
    let surroundings = Surroundings {
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        scripts: vec![("startup.sh", SCRIPT), ("run", "./startup.sh")],
    };
    let addresses = servers::listening(command, &surroundings).0.ok()?;
    judged(&addresses, 8000)
}

#[test]
fn a_command_that_listens_where_the_platform_looks_is_in_reach() {
    for command in [
        "",
        "gunicorn --bind=0.0.0.0:8000 app:app",
        "gunicorn -b :8000 app:app",
        "gunicorn -b0.0.0.0:8000 app:app",
        "gunicorn --bin 0.0.0.0:8000 app:app",
        "gunicorn --bind [::]:8000 app:app",
        "gunicorn --bind=0.0.0.0:$PORT app:app",
        "gunicorn --bind 0.0.0.0:${PORT:-8000} app:app",
        "gunicorn --bind \"0.0.0.0:${PORT}\" app:app;",
        "gunicorn --bind=0.0.0.0 --timeout 600 app:app",
        "gunicorn app:app",
        "gunicorn -b 127.0.0.1:9000 -b 0.0.0.0:8000 app:app",
        "gunicorn -b 0.0.0.0:8000 -b 127.0.0.1:9 app:app",
        "cd /home/site/wwwroot && exec gunicorn -w 4 -b 0.0.0.0:8000 app:app 2>&1",
        "GUNICORN_CMD_ARGS='--bind=127.0.0.1:8000' gunicorn -b 0.0.0.0:8000 app:app",
        "export GUNICORN_CMD_ARGS=\"-b 0.0.0.0:8000\"; gunicorn app:app",
        "python -m gunicorn -b :8000 app:app",
        "bash -c 'gunicorn -b 0.0.0.0:8000 app:app'",
        "env X=1 nohup /opt/antenv/bin/gunicorn -b 0.0.0.0:8000 app:app &",
        "uvicorn main:app --host 0.0.0.0",
        "python -m uvicorn main:app --host=0.0.0.0 --port $PORT",
        "hypercorn main:app --bind 0.0.0.0:8000",
        "flask run --host 0.0.0.0 --port=8000",
        "FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=8000 flask run",
        "python3 -m http.server 8000",
        "python manage.py runserver 0.0.0.0:8000",
        "waitress-serve --listen=*:8000 app:app",
    ] {
        assert_eq!(in_reach(command), Some(true), "{command}");
    }
}

#[test]
fn the_loopback_address_another_port_and_a_socket_are_out_of_reach() {
    for command in [
        "gunicorn --bind=127.0.0.1:8000 app:app",
        "gunicorn -b127.0.0.1:8000 app:app",
        "gunicorn --bin 127.0.0.1:8000 app:app",
        "gunicorn -b localhost:8000 a",
        "gunicorn -b [::1]:8000 a",
        "gunicorn --bind 0.0.0.0:5000 a",
        "gunicorn -b unix:/run/a.sock a",
        "GUNICORN_CMD_ARGS=\"--bind=127.0.0.1:8000\" gunicorn app:app",
        "uvicorn main:app",
        "uvicorn main:app --host 127.0.0.1 --port 8000",
        "hypercorn main:app",
        "flask run",
        "flask --app shop run --host=0.0.0.0",
        "python manage.py runserver",
        "waitress-serve app:app",
        "startup.sh",
        "bash /home/site/wwwroot/startup.sh",
        "/home/site/wwwroot/run",
    ] {
        assert_eq!(in_reach(command), Some(false), "{command}");
    }
}

#[test]
fn what_is_not_understood_is_no_evidence() {
    for command in [
        "startup.txt",
        "./start-it.sh",
        "gunicorn -c gunicorn.conf.py app:app",
        "gunicorn -b $BIND app:app",
        "gunicorn -b $(hostname -i):8000 app:app",
        "gunicorn -b 0.0.0.0:http app:app",
        "python app.py",
        "npm start",
        "cd /home/site/wwwroot",
        "\"",
    ] {
        assert_eq!(in_reach(command), None, "{command}");
    }
}

#[test]
fn servers_say_in_the_console_where_they_listen() {
    for (line, expected) in [
        (
            "[7] [INFO] Listening at: http://127.0.0.1:8000 (7)",
            Some(false),
        ),
        (
            "[7] [INFO] Listening at: http://127.0.0.1:9000,http://0.0.0.0:8000 (7)",
            Some(true),
        ),
        ("[7] [INFO] Listening at: unix:/run/a.sock (7)", Some(false)),
        (
            "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
            Some(false),
        ),
        (" * Running on http://127.0.0.1:5000", Some(false)),
        (
            "[9] [INFO] Running on http://0.0.0.0:8000 (CTRL + C to quit)",
            Some(true),
        ),
        (
            "Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...",
            Some(true),
        ),
        // A container of the emulator has an address and a port of its own.
        (
            "[7] [INFO] Listening at: http://127.81.200.171:29986 (7)",
            None,
        ),
        (
            "[9] [INFO] Control socket listening at /root/.gunicorn/gunicorn.ctl",
            None,
        ),
    ] {
        let judged = console::listening(line).and_then(|addresses| judged(&addresses, 8000));
        assert_eq!(judged, expected, "{line}");
    }
}
