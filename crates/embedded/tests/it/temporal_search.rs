use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use tenantry_embedded::{
    Error, Silent,
    temporal::{Search, VERSION},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{open_folder, set_mode};

/// A program that runs, and says where it came from.
const BUILT: &str = "#!/bin/sh\necho built\n";
const DOWNLOADED: &str = "#!/bin/sh\necho downloaded\n";
const BROKEN: &str = "#!/bin/sh\nexit 1\n";

/// A machine with nothing on it but what a test adds.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = open_folder();
        fs::create_dir(folder.path().join("programs")).unwrap();
        Self { folder }
    }

    fn with(self, program: &str, script: &str) -> Self {
        write_program(&self.folder.path().join("programs").join(program), script);
        self
    }

    fn cached(self, script: &str) -> Self {
        let place = self.cache_place();
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        write_program(&place, script);
        self
    }

    fn cache_place(&self) -> PathBuf {
        self.folder.path().join("cache/temporal").join(VERSION).join("temporal")
    }

    async fn find(&self, download_url: &str) -> Result<PathBuf, Error> {
        let path = OsString::from(self.folder.path().join("programs"));
        let cache = Some(self.folder.path().join("cache"));
        Search { path: Some(path), cache, download_url: download_url.to_owned() }.find(&Silent).await
    }
}

fn write_program(place: &Path, script: &str) {
    fs::write(place, script).unwrap();
    set_mode(place, 0o755);
}

fn archive(name: &str, content: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

/// Serves what Temporal's download service would, from this machine, and answers its URL.
async fn service(archive: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let offer = serde_json::json!({ "archiveUrl": format!("{url}/archive"), "fileToExtract": "temporal" });
    let (offer, archive) = (Arc::new(offer.to_string().into_bytes()), Arc::new(archive));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let body = if request.starts_with("GET /archive") {
                archive.clone()
            } else {
                assert!(request.starts_with(&format!("GET /cli/v{VERSION}?arch=")), "{request}");
                offer.clone()
            };
            let mut answer = Vec::new();
            write!(answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())
                .unwrap();
            answer.extend(body.iter());
            stream.write_all(&answer).await.unwrap();
        }
    });
    url
}

const NOWHERE: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn should_take_the_program_on_the_path_first() {
    let machine = Machine::new().with("temporal", BUILT).cached(DOWNLOADED);
    assert_eq!(machine.find(NOWHERE).await.unwrap(), machine.folder.path().join("programs/temporal"));
}

#[tokio::test]
async fn should_take_the_cached_program_when_the_one_on_the_path_does_not_run() {
    let machine = Machine::new().with("temporal", BROKEN).cached(DOWNLOADED);
    assert_eq!(machine.find(NOWHERE).await.unwrap(), machine.cache_place());
}

#[tokio::test]
async fn should_build_with_go_and_keep_the_result() {
    let go = format!(
        "#!/bin/sh\nprintf '{}' > \"$GOBIN/temporal\" && /bin/chmod +x \"$GOBIN/temporal\"\n",
        BUILT.escape_default()
    );
    let machine = Machine::new().with("go", &go);
    assert_eq!(machine.find(NOWHERE).await.unwrap(), machine.cache_place());
    assert_eq!(fs::read_to_string(machine.cache_place()).unwrap(), BUILT);
    let without_go = machine.with("go", BROKEN);
    without_go.find(NOWHERE).await.unwrap();
}

#[tokio::test]
async fn should_download_when_go_fails() {
    let machine = Machine::new().with("go", BROKEN);
    let service = service(archive("temporal", DOWNLOADED)).await;
    assert_eq!(machine.find(&service).await.unwrap(), machine.cache_place());
    assert_eq!(fs::read_to_string(machine.cache_place()).unwrap(), DOWNLOADED);
}

#[tokio::test]
async fn should_refuse_a_spoiled_download_and_try_again_next_time() {
    let machine = Machine::new();
    let whole = archive("temporal", DOWNLOADED);
    for spoiled in [
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 4].to_vec(),
        archive("another", DOWNLOADED),
        archive("temporal", BROKEN),
    ] {
        let error = machine.find(&service(spoiled).await).await.expect_err("it is spoiled");
        assert!(matches!(error, Error::NoTemporal { .. }), "{error:?}");
        assert!(!machine.cache_place().exists());
    }
    machine.find(&service(whole).await).await.unwrap();
}

#[tokio::test]
async fn should_say_what_was_tried_and_what_to_install() {
    let machine = Machine::new().with("go", "#!/bin/sh\necho no space left >&2\nexit 1\n");
    let error = machine.find(NOWHERE).await.expect_err("there is no way").to_string();
    for part in ["`temporal` is not on PATH", "no space left", NOWHERE, "install the Temporal CLI"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn should_fetch_once_when_two_ask_at_once() {
    let machine = Machine::new();
    let service = service(archive("temporal", DOWNLOADED)).await;
    let (one, two) = tokio::join!(machine.find(&service), machine.find(&service));
    assert_eq!(one.unwrap(), two.unwrap());
}
