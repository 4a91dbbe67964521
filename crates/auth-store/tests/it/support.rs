use std::fs;
use std::path::PathBuf;

use cliproxy_auth_store::FileStore;
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, CredentialStore, Document, Origin, ProviderId, Settings,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

pub struct Fixture {
    pub folder: TempDir,
    pub store: FileStore,
}

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("auths"));
        fs::create_dir(store.directory()).unwrap();
        Self { folder, store }
    }

    pub fn with(files: &[(&str, &str)]) -> Self {
        let fixture = Self::new();
        for (name, text) in files {
            fixture.write(name, text);
        }
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.store.directory().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub async fn load(&self, name: &str) -> Credential {
        self.store.load(&CredentialId::new(name)).await.unwrap().unwrap()
    }

    /// Everything in the directory but locks, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.directory()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".locks").collect();
        names.sort();
        names
    }
}

pub fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("not an object") };
    map
}

pub fn changed(credential: &Credential, members: Value) -> Credential {
    credential.with_document(credential.document().merged(object(members)))
}

pub fn without(credential: &Credential, member: &str) -> Credential {
    let mut map = credential.document().as_map().clone();
    map.shift_remove(member);
    credential.with_document(Document::new(map))
}

/// A credential as a login makes it.
pub fn login(name: &str, members: Value) -> Credential {
    Credential::new(
        CredentialId::new(name),
        ProviderId::from_static("claude"),
        CredentialKind::Account,
        Origin::Store(name.to_owned()),
        Document::new(object(members)),
        Settings::new("label"),
    )
}

pub fn simple() -> Value {
    json!({"type": "claude", "access_token": "a", "refresh_token": "r"})
}
