//! Asking for migrations until there is an answer: an appliance that dies in between may have accepted them.

use std::process::Output;
use std::time::{Duration, Instant};

use hdm_tests::product::binary;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::plan::{Ask, Options, Way};
use crate::player::Player;

/// How often something is asked for that is answered with an error of the appliance's or a vCenter's.
const TRIES: u32 = 200;
/// How long whoever got no answer waits before they ask again.
const PAUSE: Duration = Duration::from_millis(300);

/// Something asked for that has no answer for good.
pub struct Asked {
    vms: Vec<String>,
    how: How,
    tries: u32,
    /// When it is asked for again.
    again: Instant,
    /// How many answers are still lost on their way.
    lost: u32,
    /// What an answer said that was lost.
    unheard: Option<Vec<String>>,
    /// Why it was refused when it was asked for again. What was asked for before may have been heard, which the list
    /// shows that is read after this many.
    refused: Option<(String, u64)>,
}

enum How {
    /// Through the API, under a key.
    Api { key: String, body: Value },
    /// Through the plugin server, under a key.
    Plugin { key: String, body: Value },
    /// Through the command line.
    Cli { arguments: Vec<String>, running: Option<JoinHandle<Output>> },
    /// A retry of this migration.
    Again { id: String },
}

/// What has become of it.
enum Became {
    Accepted(Vec<String>),
    Refused(String),
    Unknown(String),
}

impl Player {
    /// Begins to ask.
    pub fn ask(&mut self, ask: &Ask) {
        let (vms, how, lost) = match ask {
            Ask::New { vms, way, lost, options } => {
                let names: Vec<String> = vms.iter().map(|vm| self.machines[*vm].name.clone()).collect();
                let cluster = self.machines[vms[0]].cluster;
                for name in &names {
                    self.wanted.insert(name.clone(), *options);
                }
                let key = names.join("-");
                let how = match way {
                    Way::Api => How::Api { key, body: body(&names, cluster, *options) },
                    Way::Plugin => {
                        let body = self.crew.client.request(&names, cluster, *options);
                        How::Plugin { key, body }
                    }
                    Way::Cli => How::Cli { arguments: arguments(&names, cluster, *options), running: None },
                };
                (names, how, *lost)
            }
            Ask::Again { pick } => {
                let mut ended: Vec<_> = self.machines.iter().filter_map(|vm| self.newest(&vm.name)).collect();
                ended.retain(|view| view["state"] == "failed" || view["state"] == "cancelled");
                let Some(view) = ended.get(pick % ended.len().max(1)) else { return };
                let id = view["id"].as_str().unwrap_or_default().to_owned();
                (vec![view["vm_name"].as_str().unwrap_or_default().to_owned()], How::Again { id }, 0)
            }
        };
        self.asked.push(Asked {
            vms,
            how,
            tries: 0,
            again: Instant::now(),
            lost,
            unheard: None,
            refused: None,
        });
    }

    /// Asks again what has no answer yet.
    pub async fn look_at_asks(&mut self) {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.asked).into_iter().partition(|asked| asked.again <= now);
        self.asked = later;
        for mut asked in due {
            match self.ask_once(&mut asked).await {
                None => self.asked.push(asked),
                Some(Became::Accepted(ids)) if asked.has_key() && asked.lost > 0 => {
                    self.trace.note(format!("an answer for {:?} is lost: {ids:?}", asked.vms));
                    self.trace.count("lost answers of requests");
                    self.is_same(&asked, &ids);
                    (asked.lost, asked.unheard) = (asked.lost - 1, Some(ids));
                    asked.tries += 1;
                    self.asked.push(asked);
                }
                Some(Became::Accepted(ids)) => {
                    self.is_same(&asked, &ids);
                    if matches!(asked.how, How::Plugin { .. }) {
                        self.trace.count("requests through the plugin server");
                    }
                    self.trace.note(format!("accepted {:?}: {ids:?}", asked.vms));
                    for _ in &ids {
                        self.trace.count("accepted");
                    }
                    self.accepted.extend(ids);
                }
                Some(Became::Refused(why)) if asked.tries > 0 && asked.refused.is_none() => {
                    asked.refused = Some((why, self.lists));
                    self.asked.push(asked);
                }
                Some(Became::Refused(why)) => {
                    self.trace.note(format!("refused {:?}: {why}", asked.vms));
                    self.trace.count("refused requests");
                }
                Some(Became::Unknown(why)) => {
                    self.trace.note(format!("no answer for {:?}: {why}", asked.vms));
                    asked.tries += 1;
                    asked.again = Instant::now() + PAUSE;
                    if asked.tries < TRIES {
                        self.asked.push(asked);
                    } else {
                        self.faults.push(format!("a request for {:?} is never answered: {why}", asked.vms));
                    }
                }
            }
        }
    }

    /// Under one key there is one answer.
    fn is_same(&mut self, asked: &Asked, ids: &[String]) {
        if let Some(before) = asked.unheard.as_ref().filter(|before| **before != ids) {
            self.faults.push(format!(
                "asked again under its key, the request for {:?} is {ids:?} and was {before:?}",
                asked.vms
            ));
        }
    }

    async fn ask_once(&mut self, asked: &mut Asked) -> Option<Became> {
        let refused = match &asked.refused {
            Some((_, lists)) if self.lists <= *lists => return None,
            refused => refused.as_ref().map(|(why, _)| Became::Refused(why.clone())),
        };
        match &mut asked.how {
            // Under its key it is not refused if it was heard before.
            How::Api { .. } if refused.is_some() => refused,
            How::Api { key, body } => Some(became(self.crew.post("/migrations", Some(key), body).await)),
            How::Plugin { key, body } => {
                // The plugin server itself may refuse what the appliance has heard before, of a VM that is gone since.
                if refused.is_some() {
                    let heard = heard(self, &asked.vms);
                    return if heard.is_empty() { refused } else { Some(Became::Accepted(heard)) };
                }
                Some(became(self.crew.post_through_plugin("api/migrations", key, body).await))
            }
            How::Again { id } => {
                // It has no key: whether an earlier one was heard is seen by the list.
                let newest = self.newest(&asked.vms[0])?;
                if newest["id"] != id.as_str() {
                    return Some(Became::Accepted(vec![newest["id"].as_str()?.to_owned()]));
                }
                if refused.is_some() {
                    return refused;
                }
                let path = format!("/migrations/{id}/retry");
                Some(became(self.crew.post(&path, None, &json!({})).await))
            }
            How::Cli { arguments, running } => {
                let heard = heard(self, &asked.vms);
                if running.is_none() && !heard.is_empty() {
                    if heard.len() < asked.vms.len() {
                        self.faults.push(format!("of the request for {:?} a part was accepted", asked.vms));
                    }
                    return Some(Became::Accepted(heard));
                }
                if refused.is_some() {
                    return refused;
                }
                let handle = running.get_or_insert_with(|| {
                    let mut command = Command::new(binary());
                    command.env("HDM_PROFILE", self.crew.profile());
                    command.args(&*arguments).kill_on_drop(true);
                    tokio::spawn(async move { command.output().await.unwrap() })
                });
                if !handle.is_finished() {
                    return None;
                }
                let output = running.take()?.await.unwrap();
                Some(by_output(&output))
            }
        }
    }
}

impl Asked {
    /// Whether it is recognised when it comes again.
    fn has_key(&self) -> bool {
        matches!(self.how, How::Api { .. } | How::Plugin { .. })
    }
}

/// The newest migrations of VMs.
fn heard(player: &Player, vms: &[String]) -> Vec<String> {
    vms.iter().filter_map(|vm| Some(player.newest(vm)?["id"].as_str()?.to_owned())).collect()
}

fn became(answer: Option<crate::api::Answer>) -> Became {
    match answer {
        None => Became::Unknown("none came".into()),
        Some(answer) if answer.well() => Became::Accepted(ids(&answer.body)),
        Some(answer) if answer.status < 500 => Became::Refused(answer.body.to_string()),
        Some(answer) => Became::Unknown(answer.body.to_string()),
    }
}

fn by_output(output: &Output) -> Became {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Became::Accepted(ids(&serde_json::from_slice(&output.stdout).unwrap_or_default())),
        Some(2 | 3) => Became::Refused(text),
        _ => Became::Unknown(text),
    }
}

fn ids(views: &Value) -> Vec<String> {
    views.as_array().into_iter().flatten().filter_map(|view| Some(view["id"].as_str()?.to_owned())).collect()
}

fn body(vms: &[String], cluster: &str, options: Options) -> Value {
    json!({
        "vms": vms, "cloud": "cloud",
        "target": {"cluster": cluster, "datastore": "ds0", "networks": {"VM Network": "VM Network"}},
        "options": options.json(),
    })
}

fn arguments(vms: &[String], cluster: &str, options: Options) -> Vec<String> {
    let mut all: Vec<&str> = vec!["-o", "json", "migrate", "cold"];
    all.extend(vms.iter().map(String::as_str));
    all.extend(["--cloud", "cloud", "--cluster", cluster, "--datastore", "ds0"]);
    all.extend([
        "--network",
        "VM Network=VM Network",
        "--shutdown",
        if options.hard { "hard" } else { "guest" },
    ]);
    if options.power_on {
        all.push("--power-on");
    }
    if options.reads_back {
        all.extend(["--verify", "readback"]);
    }
    all.into_iter().map(str::to_owned).collect()
}
