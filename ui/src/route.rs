//! Addresses of the pages, as the manifest names them: what stands behind `#`.

use std::fmt;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Cluster > Monitor > HDM > Migration.
    Cluster(MigrationTab),
    /// VM > Monitor > HDM.
    Vm,
    /// The Migrate wizard, in a dialog.
    Migrate,
    /// Menu > HDM.
    Home(HomeTab),
}

/// The inner tabs of Migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationTab {
    /// What was finished.
    Summary,
    /// What is not, or was just now.
    #[default]
    InProgress,
}

/// The tabs of the global view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeTab {
    /// Overview.
    Dashboard,
    /// All migrations.
    Migration(MigrationTab),
    /// Administration > Clouds.
    Clouds,
    /// Administration > HDM Health > Event Logs.
    EventLogs,
}

impl Route {
    /// Reads what stands behind `#`; `None` if there is no such page.
    pub fn parse(hash: &str) -> Option<Self> {
        let path = hash.trim_start_matches('#').trim_matches('/');
        let path = path.split('?').next().unwrap_or_default();
        Some(match path {
            "cluster/migration" | "cluster/migration/in-progress" => Self::Cluster(MigrationTab::InProgress),
            "cluster/migration/summary" => Self::Cluster(MigrationTab::Summary),
            "vm/migrations" => Self::Vm,
            "migrate" => Self::Migrate,
            "home" | "home/dashboard" => Self::Home(HomeTab::Dashboard),
            "home/migration" | "home/migration/in-progress" => {
                Self::Home(HomeTab::Migration(MigrationTab::InProgress))
            }
            "home/migration/summary" => Self::Home(HomeTab::Migration(MigrationTab::Summary)),
            "home/administration" | "home/administration/clouds" => Self::Home(HomeTab::Clouds),
            "home/administration/health" | "home/administration/health/event-logs" => {
                Self::Home(HomeTab::EventLogs)
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster(MigrationTab::Summary) => "#/cluster/migration/summary",
            Self::Cluster(MigrationTab::InProgress) => "#/cluster/migration/in-progress",
            Self::Vm => "#/vm/migrations",
            Self::Migrate => "#/migrate",
            Self::Home(HomeTab::Dashboard) => "#/home/dashboard",
            Self::Home(HomeTab::Migration(MigrationTab::InProgress)) => "#/home/migration/in-progress",
            Self::Home(HomeTab::Migration(MigrationTab::Summary)) => "#/home/migration/summary",
            Self::Home(HomeTab::Clouds) => "#/home/administration/clouds",
            Self::Home(HomeTab::EventLogs) => "#/home/administration/health/event-logs",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_its_own_address() {
        for route in [
            Route::Cluster(MigrationTab::Summary),
            Route::Cluster(MigrationTab::InProgress),
            Route::Vm,
            Route::Migrate,
            Route::Home(HomeTab::Dashboard),
            Route::Home(HomeTab::Migration(MigrationTab::InProgress)),
            Route::Home(HomeTab::Migration(MigrationTab::Summary)),
            Route::Home(HomeTab::Clouds),
            Route::Home(HomeTab::EventLogs),
        ] {
            assert_eq!(Route::parse(&route.to_string()), Some(route));
        }
    }

    #[test]
    fn an_unknown_address_is_no_page() {
        for bad in ["", "#", "#/nowhere", "#/cluster/migration/summary/x"] {
            assert_eq!(Route::parse(bad), None, "{bad}");
        }
    }
}
