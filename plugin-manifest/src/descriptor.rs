//! The types that HDM adds to a vCenter: tasks, events, a fault and privileges, with their texts in all
//! languages, so that vCenter never has to show a key such as `com.hdm.plugin.migrate.label`.
//!
//! Keys of texts (vSphere API, `Extension.resourceList`): modules `task`, `event`, `fault` and `auth`;
//! `<task>.label`, `<task>.summary`, `<event>.category`, `<event>.description`, `<event>.fullFormat` and
//! `formatOn…`, `<fault>.summary`, `privilege.<group>.label`, `privilege.<group>.<privilege>.label`.

use crate::text::{Language, Text};

/// The type of a migration's task.
pub const TASK_MIGRATE: &str = "com.hdm.plugin.migrate";
/// The type of the task of one attempt.
pub const TASK_ATTEMPT: &str = "com.hdm.plugin.migrate.attempt";
/// The fault that a failed migration's task ends with.
pub const FAULT_FAILED: &str = "com.hdm.plugin.migrate.failed";
/// The group of HDM's privileges.
pub const PRIVILEGE_GROUP: &str = "HDM";

/// Types of tasks.
pub const TASKS: [(&str, Text); 2] = [
    (
        TASK_MIGRATE,
        Text {
            en: "HDM cold migration",
            de: "HDM-Migration (kalt)",
            es: "Migración en frío de HDM",
            fr: "Migration à froid HDM",
            ja: "HDM コールド移行",
        },
    ),
    (
        TASK_ATTEMPT,
        Text {
            en: "HDM cold migration: attempt",
            de: "HDM-Migration (kalt): Versuch",
            es: "Migración en frío de HDM: intento",
            fr: "Migration à froid HDM : tentative",
            ja: "HDM コールド移行: 試行",
        },
    ),
];

/// Types of faults.
pub const FAULTS: [(&str, Text); 1] = [(
    FAULT_FAILED,
    Text {
        en: "The HDM migration failed.",
        de: "Die HDM-Migration ist fehlgeschlagen.",
        es: "La migración de HDM ha fallado.",
        fr: "La migration HDM a échoué.",
        ja: "HDM の移行に失敗しました。",
    },
)];

/// How serious an event is to vCenter (`<event>.category`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Something happened.
    Info,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

impl Category {
    /// vCenter's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A type of event.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// Its id, such as `com.hdm.migration.Started`.
    pub id: &'static str,
    /// How serious.
    pub category: Category,
    /// What it is, in lists of types.
    pub text: Text,
}

const fn event(id: &'static str, category: Category, text: Text) -> EventType {
    EventType { id, category, text }
}

/// A migration was accepted.
pub const ACCEPTED: &str = "com.hdm.migration.Accepted";
/// Its first step begins.
pub const STARTED: &str = "com.hdm.migration.Started";
/// An attempt failed.
pub const ATTEMPT_FAILED: &str = "com.hdm.migration.AttemptFailed";
/// It waits for a vCenter.
pub const WAITING: &str = "com.hdm.migration.Waiting";
/// Its source stays in its resource pool, because its cluster has no DRS.
pub const SOURCE_STAYS: &str = "com.hdm.migration.SourceStays";
/// It has passed the point of no return.
pub const COMMITTED: &str = "com.hdm.migration.Committed";
/// A person took it out of the queue.
pub const PAUSED: &str = "com.hdm.migration.Paused";
/// A person must decide.
pub const NEEDS_OPERATOR: &str = "com.hdm.migration.NeedsOperator";
/// A person let it go on.
pub const RESUMED: &str = "com.hdm.migration.Resumed";
/// It is being undone.
pub const UNWINDING: &str = "com.hdm.migration.Unwinding";
/// It is done.
pub const DONE: &str = "com.hdm.migration.Done";
/// It was cancelled and undone.
pub const CANCELLED: &str = "com.hdm.migration.Cancelled";
/// It failed and was undone.
pub const FAILED: &str = "com.hdm.migration.Failed";
/// The source of a migration was released.
pub const RELEASED: &str = "com.hdm.migration.SourceReleased";
/// A vCenter was added.
pub const VCENTER_ADDED: &str = "com.hdm.vcenter.Added";
/// How a vCenter is reached, or what of it is released, was changed.
pub const VCENTER_CHANGED: &str = "com.hdm.vcenter.Changed";
/// A vCenter was removed.
pub const VCENTER_REMOVED: &str = "com.hdm.vcenter.Removed";

/// Types of events.
pub const EVENTS: [EventType; 17] = [
    event(
        ACCEPTED,
        Category::Info,
        Text {
            en: "HDM: migration accepted",
            de: "HDM: Migration angenommen",
            es: "HDM: migración aceptada",
            fr: "HDM : migration acceptée",
            ja: "HDM: 移行を受け付けました",
        },
    ),
    event(
        STARTED,
        Category::Info,
        Text {
            en: "HDM: migration started",
            de: "HDM: Migration begonnen",
            es: "HDM: migración iniciada",
            fr: "HDM : migration démarrée",
            ja: "HDM: 移行を開始しました",
        },
    ),
    event(
        ATTEMPT_FAILED,
        Category::Warning,
        Text {
            en: "HDM: attempt of a migration failed",
            de: "HDM: Migrationsversuch fehlgeschlagen",
            es: "HDM: intento de migración fallido",
            fr: "HDM : échec d'une tentative de migration",
            ja: "HDM: 移行の試行に失敗しました",
        },
    ),
    event(
        WAITING,
        Category::Warning,
        Text {
            en: "HDM: migration waits",
            de: "HDM: Migration wartet",
            es: "HDM: migración en espera",
            fr: "HDM : migration en attente",
            ja: "HDM: 移行は待機中です",
        },
    ),
    event(
        SOURCE_STAYS,
        Category::Info,
        Text {
            en: "HDM: source of a migration stays in its resource pool",
            de: "HDM: Quelle einer Migration bleibt in ihrem Ressourcenpool",
            es: "HDM: el origen de una migración permanece en su grupo de recursos",
            fr: "HDM : la source d'une migration reste dans son pool de ressources",
            ja: "HDM: 移行元は元のリソース プールに残ります",
        },
    ),
    event(
        COMMITTED,
        Category::Info,
        Text {
            en: "HDM: migration passed the point of no return",
            de: "HDM: Migration ist nicht mehr umkehrbar",
            es: "HDM: la migración ya no se puede deshacer",
            fr: "HDM : la migration n'est plus réversible",
            ja: "HDM: 移行は取り消せない段階に入りました",
        },
    ),
    event(
        PAUSED,
        Category::Info,
        Text {
            en: "HDM: migration paused",
            de: "HDM: Migration angehalten",
            es: "HDM: migración en pausa",
            fr: "HDM : migration mise en pause",
            ja: "HDM: 移行を一時停止しました",
        },
    ),
    event(
        NEEDS_OPERATOR,
        Category::Error,
        Text {
            en: "HDM: migration needs an operator",
            de: "HDM: Migration braucht einen Eingriff",
            es: "HDM: la migración necesita un operador",
            fr: "HDM : la migration requiert un opérateur",
            ja: "HDM: 移行には担当者の対応が必要です",
        },
    ),
    event(
        RESUMED,
        Category::Info,
        Text {
            en: "HDM: migration goes on",
            de: "HDM: Migration wird fortgesetzt",
            es: "HDM: la migración continúa",
            fr: "HDM : la migration reprend",
            ja: "HDM: 移行を再開しました",
        },
    ),
    event(
        UNWINDING,
        Category::Warning,
        Text {
            en: "HDM: migration is being undone",
            de: "HDM: Migration wird rückgängig gemacht",
            es: "HDM: la migración se está deshaciendo",
            fr: "HDM : la migration est en cours d'annulation",
            ja: "HDM: 移行を元に戻しています",
        },
    ),
    event(
        DONE,
        Category::Info,
        Text {
            en: "HDM: migration done",
            de: "HDM: Migration abgeschlossen",
            es: "HDM: migración terminada",
            fr: "HDM : migration terminée",
            ja: "HDM: 移行が完了しました",
        },
    ),
    event(
        CANCELLED,
        Category::Warning,
        Text {
            en: "HDM: migration cancelled",
            de: "HDM: Migration abgebrochen",
            es: "HDM: migración cancelada",
            fr: "HDM : migration annulée",
            ja: "HDM: 移行をキャンセルしました",
        },
    ),
    event(
        FAILED,
        Category::Error,
        Text {
            en: "HDM: migration failed",
            de: "HDM: Migration fehlgeschlagen",
            es: "HDM: migración fallida",
            fr: "HDM : échec de la migration",
            ja: "HDM: 移行に失敗しました",
        },
    ),
    event(
        RELEASED,
        Category::Info,
        Text {
            en: "HDM: source of a migration released",
            de: "HDM: Quelle einer Migration freigegeben",
            es: "HDM: origen de una migración liberado",
            fr: "HDM : source d'une migration libérée",
            ja: "HDM: 移行元を解放しました",
        },
    ),
    event(
        VCENTER_ADDED,
        Category::Info,
        Text {
            en: "HDM: vCenter added",
            de: "HDM: vCenter hinzugefügt",
            es: "HDM: vCenter añadido",
            fr: "HDM : vCenter ajouté",
            ja: "HDM: vCenter を追加しました",
        },
    ),
    event(
        VCENTER_CHANGED,
        Category::Info,
        Text {
            en: "HDM: vCenter changed",
            de: "HDM: vCenter geändert",
            es: "HDM: vCenter modificado",
            fr: "HDM : vCenter modifié",
            ja: "HDM: vCenter を変更しました",
        },
    ),
    event(
        VCENTER_REMOVED,
        Category::Info,
        Text {
            en: "HDM: vCenter removed",
            de: "HDM: vCenter entfernt",
            es: "HDM: vCenter eliminado",
            fr: "HDM : vCenter supprimé",
            ja: "HDM: vCenter を削除しました",
        },
    ),
];

/// Privileges: the id's last part, and what they allow.
pub const PRIVILEGES: [(&str, Text); 6] = [
    (
        "View",
        Text {
            en: "View HDM's pages",
            de: "Seiten von HDM ansehen",
            es: "Ver las páginas de HDM",
            fr: "Afficher les pages HDM",
            ja: "HDM のページを表示",
        },
    ),
    (
        "Migrate",
        Text {
            en: "Migrate to a cloud",
            de: "In eine Cloud migrieren",
            es: "Migrar a una nube",
            fr: "Migrer vers un cloud",
            ja: "クラウドへ移行",
        },
    ),
    (
        "MigrateBack",
        Text {
            en: "Migrate back from a cloud",
            de: "Aus einer Cloud zurückmigrieren",
            es: "Migrar de vuelta desde una nube",
            fr: "Ramener depuis un cloud",
            ja: "クラウドから戻す",
        },
    ),
    (
        "Prepare",
        Text {
            en: "Prepare guests",
            de: "Gastsysteme vorbereiten",
            es: "Preparar invitados",
            fr: "Préparer les invités",
            ja: "ゲストを準備",
        },
    ),
    (
        "Policy",
        Text {
            en: "Change policies",
            de: "Richtlinien ändern",
            es: "Cambiar directivas",
            fr: "Modifier les stratégies",
            ja: "ポリシーを変更",
        },
    ),
    (
        "Administer",
        Text {
            en: "Administer HDM",
            de: "HDM verwalten",
            es: "Administrar HDM",
            fr: "Administrer HDM",
            ja: "HDM を管理",
        },
    ),
];

/// The texts of one module in one language: keys with their texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The language alone, such as `de`.
    pub locale: &'static str,
    /// `task`, `event`, `fault` or `auth`.
    pub module: &'static str,
    /// Keys and texts.
    pub data: Vec<(String, String)>,
}

/// All texts.
pub fn resources() -> Vec<Resources> {
    Language::ALL.into_iter().flat_map(of_language).collect()
}

fn of_language(language: Language) -> [Resources; 4] {
    let resources = |module, data| Resources { locale: language.code(), module, data };
    let tasks = TASKS.iter().flat_map(|(id, text)| {
        let text = text.of(language).to_owned();
        [(format!("{id}.label"), text.clone()), (format!("{id}.summary"), text)]
    });
    let faults = FAULTS.iter().map(|(id, text)| (format!("{id}.summary"), text.of(language).to_owned()));
    let group = (format!("privilege.{PRIVILEGE_GROUP}.label"), crate::text::NAME.of(language).to_owned());
    let privileges = PRIVILEGES.iter().flat_map(|(name, text)| {
        let text = text.of(language).to_owned();
        [
            (format!("privilege.{PRIVILEGE_GROUP}.{name}.label"), text.clone()),
            (format!("privilege.{PRIVILEGE_GROUP}.{name}.summary"), text),
        ]
    });
    [
        resources("task", tasks.collect()),
        resources("event", EVENTS.iter().flat_map(|event| event_texts(event, language)).collect()),
        resources("fault", faults.collect()),
        resources("auth", std::iter::once(group).chain(privileges).collect()),
    ]
}

/// An event's own sentence is in its argument `message`, in the language it was written in; its type is said in
/// the reader's.
fn event_texts(event: &EventType, language: Language) -> Vec<(String, String)> {
    let EventType { id, category, text } = event;
    let label = text.of(language);
    let format = format!("{label}: {{message}}");
    let mut texts = vec![
        (format!("{id}.category"), category.word().to_owned()),
        (format!("{id}.description"), label.to_owned()),
    ];
    let formats =
        ["fullFormat", "formatOnDatacenter", "formatOnComputeResource", "formatOnHost", "formatOnVm"];
    texts.extend(formats.map(|name| (format!("{id}.{name}"), format.clone())));
    texts
}

#[cfg(test)]
mod tests {
    use hdm_shared::plugin::Privilege;

    use super::*;

    #[test]
    fn every_type_has_its_texts_in_every_language() {
        let all = resources();
        assert_eq!(all.len(), 5 * 4);
        for language in Language::ALL {
            let texts: Vec<&(String, String)> =
                all.iter().filter(|r| r.locale == language.code()).flat_map(|r| &r.data).collect();
            let has = |key: String| texts.iter().any(|(k, text)| *k == key && !text.is_empty());
            for (id, _) in TASKS {
                assert!(has(format!("{id}.label")), "{id} in {language:?}");
            }
            for event in EVENTS {
                assert!(has(format!("{}.fullFormat", event.id)), "{} in {language:?}", event.id);
            }
            for (id, _) in FAULTS {
                assert!(has(format!("{id}.summary")), "{id} in {language:?}");
            }
        }
    }

    #[test]
    fn the_privileges_are_those_that_are_checked() {
        let ids: Vec<String> =
            PRIVILEGES.iter().map(|(name, _)| format!("{PRIVILEGE_GROUP}.{name}")).collect();
        assert_eq!(ids, Privilege::ALL.map(|privilege| privilege.id().to_owned()));
    }

    #[test]
    fn ids_are_ours_and_each_is_there_once() {
        let mut ids: Vec<&str> = TASKS
            .iter()
            .map(|(id, _)| *id)
            .chain(EVENTS.iter().map(|event| event.id))
            .chain(FAULTS.iter().map(|(id, _)| *id))
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(ids.iter().all(|id| id.starts_with("com.hdm.")));
    }
}
