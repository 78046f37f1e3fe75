//! Tasks: those that vCenter runs for us, and those that we run and show in vCenter.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;
use crate::wire::{Node, read_fault};

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Waiting for its turn.
    Queued,
    /// Running.
    Running,
    /// Ended well.
    Success,
    /// Ended with an error, or cancelled.
    Error,
}

impl TaskState {
    fn read(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "success" => Self::Success,
            "error" => Self::Error,
            _ => Self::Running,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
        }
    }

    /// Whether it has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

/// A task.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// The task.
    pub task: MoRef,
    /// Its key, for `parentTaskKey`.
    pub key: String,
    /// Where it stands.
    pub state: TaskState,
    /// Whether its cancelling was asked for.
    pub cancelled: bool,
    /// Percent, if it tells.
    pub progress: Option<u8>,
    /// What it is about.
    pub entity: Option<MoRef>,
    /// Our mark on it.
    pub activation_id: String,
    /// Its type, such as `VirtualMachine.powerOn`.
    pub description_id: String,
    /// The object it made, if it made one.
    pub result: Option<MoRef>,
    /// Why it failed.
    pub fault: Option<crate::Fault>,
    /// Key of the task it belongs to.
    pub parent_key: String,
    /// When it was queued.
    pub queue_time: Option<Timestamp>,
    /// Who started it, if a user did.
    pub user: String,
}

/// What a task that ended well leaves.
#[derive(Clone, Debug, Default)]
pub struct TaskResult {
    /// The object it made, if it made one.
    pub result: Option<MoRef>,
}

/// A task of ours to be shown in vCenter.
#[derive(Clone, Debug)]
pub struct NewTask<'a> {
    /// What it is about.
    pub entity: &'a MoRef,
    /// A task type of a registered extension, such as `com.hdm.plugin.migrate`.
    pub type_id: &'a str,
    /// Who asked for it.
    pub initiated_by: Option<&'a str>,
    /// Whether people may cancel it.
    pub cancelable: bool,
    /// Key of the task it belongs to.
    pub parent_key: Option<&'a str>,
    /// Our mark on it.
    pub activation_id: &'a str,
}

const INFO: &str = "info";
/// First and longest pause between two looks at a task.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

impl Session {
    /// Reads a task. [`Error::is_gone`] if vCenter has forgotten it, or does not show it: to whoever may not see
    /// everything, the task of a VM that is deleted is one of nothing that he may see.
    pub async fn task_info(&self, task: &MoRef) -> Result<TaskInfo, Error> {
        let bag = self.read_properties(task, &[INFO]).await?;
        bag.get(INFO)
            .map(|info| read_info(task.clone(), info))
            .ok_or_else(|| Error::TaskVanished { task: task.to_string() })
    }

    /// Waits until a task has ended. [`Error::TaskVanished`] if vCenter forgets it meanwhile: look at the
    /// inventory then.
    pub async fn wait_task(
        &self,
        task: &MoRef,
        deadline: Instant,
        mut on_progress: impl FnMut(Option<u8>) + Send,
    ) -> Result<TaskResult, Error> {
        let mut pause = POLL.0;
        loop {
            let info = match self.task_info(task).await {
                Err(e) if e.is_gone() => return Err(Error::TaskVanished { task: task.to_string() }),
                other => other?,
            };
            on_progress(info.progress);
            match info.state {
                TaskState::Success => return Ok(TaskResult { result: info.result }),
                TaskState::Error => return Err(task_error(&info)),
                TaskState::Queued | TaskState::Running if Instant::now() >= deadline => {
                    let operation = format!("task {}", info.description_id);
                    return Err(Error::Timeout { vcenter: self.name().to_owned(), operation });
                }
                TaskState::Queued | TaskState::Running => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
    }

    /// Asks for a task's end. One that has ended or is gone is no error.
    pub async fn cancel_task(&self, task: &MoRef) -> Result<(), Error> {
        match self.call("CancelTask", task, |_| {}).await {
            Err(e) if !e.is_gone() && !matches!(e.fault_kind(), Some("InvalidState" | "NotSupported")) => {
                Err(e)
            }
            _ => Ok(()),
        }
    }

    /// Shows a task of ours. Its type must be one of a registered extension.
    pub async fn create_task(&self, new: &NewTask<'_>) -> Result<TaskInfo, Error> {
        let manager = self.content().await?.task_manager.clone();
        let answer = self
            .call("CreateTask", &manager, |w| {
                w.moref("obj", new.entity);
                w.value("taskTypeId", new.type_id);
                w.maybe("initiatedBy", new.initiated_by);
                w.value("cancelable", new.cancelable);
                w.maybe("parentTaskKey", new.parent_key);
                w.value("activationId", new.activation_id);
            })
            .await?;
        let info = answer
            .child("returnval")
            .ok_or_else(|| Self::protocol("CreateTask", "there is no task in it"))?;
        let task = info
            .moref_at("task")
            .ok_or_else(|| Self::protocol("CreateTask", "there is no reference in it"))?;
        Ok(read_info(task, info))
    }

    /// Moves a task of ours on. `message` is the fault's text if it ends with an error.
    pub async fn set_task_state(
        &self,
        task: &MoRef,
        state: TaskState,
        message: Option<&str>,
    ) -> Result<(), Error> {
        self.call("SetTaskState", task, |w| {
            w.value("state", state.word());
            if let Some(message) = message {
                w.element("fault", |w| {
                    w.typed("fault", "SystemError", |w| w.value("reason", message));
                    w.value("localizedMessage", message);
                });
            }
        })
        .await
        .map(drop)
    }

    /// Sets the percentage of a task of ours.
    pub async fn update_task_progress(&self, task: &MoRef, percent: u8) -> Result<(), Error> {
        self.call("UpdateProgress", task, |w| w.value("percentDone", percent.min(100))).await.map(drop)
    }

    /// The tasks, ended ones included, that carry one of these marks. Asks vCenter's task history; a vCenter
    /// without history is asked for its recent tasks.
    pub async fn find_tasks_by_activation_id(&self, marks: &[String]) -> Result<Vec<TaskInfo>, Error> {
        let mut found = self.task_history(marks).await?;
        let manager = self.content().await?.task_manager.clone();
        let bag = self.read_properties(&manager, &["recentTask"]).await?;
        let recent = crate::property::morefs(bag.get("recentTask"));
        for (task, bag) in self.read_many_or_none("Task", &recent).await? {
            let Some(info) = bag.get(INFO).map(|info| read_info(task, info)) else { continue };
            if marks.contains(&info.activation_id) && !found.iter().any(|other| other.task == info.task) {
                found.push(info);
            }
        }
        Ok(found)
    }

    /// Like `read_many`, but a task that goes meanwhile does not fail the others.
    async fn read_many_or_none(
        &self,
        kind: &str,
        objects: &[MoRef],
    ) -> Result<Vec<(MoRef, crate::property::Bag)>, Error> {
        match self.read_many(kind, objects, &[INFO]).await {
            Err(e) if e.is_gone() => {
                let mut read = Vec::new();
                for object in objects {
                    if let Some(bag) = Self::unless_gone(self.read_properties(object, &[INFO]).await)? {
                        read.push((object.clone(), bag));
                    }
                }
                Ok(read)
            }
            other => other,
        }
    }

    async fn task_history(&self, marks: &[String]) -> Result<Vec<TaskInfo>, Error> {
        const PAGE: u32 = 100;
        /// Pages read at most; a migration has a handful of tasks.
        const MAX_PAGES: usize = 10;
        let manager = self.content().await?.task_manager.clone();
        let created = self
            .call_for_moref("CreateCollectorForTasks", &manager, |w| {
                w.element("filter", |w| {
                    for mark in marks {
                        w.value("activationId", mark);
                    }
                });
            })
            .await;
        let collector = match created {
            Ok(collector) => collector,
            Err(e) if e.is_passing() => return Err(e),
            Err(error) => {
                tracing::debug!(%error, "no task history");
                return Ok(Vec::new());
            }
        };
        let read = async {
            let mut found = Vec::new();
            for _ in 0..MAX_PAGES {
                let page = self.call("ReadNextTasks", &collector, |w| w.value("maxCount", PAGE)).await?;
                let tasks: Vec<&Node> = page.all("returnval").collect();
                if tasks.is_empty() {
                    break;
                }
                found.extend(
                    tasks.into_iter().filter_map(|node| Some(read_info(node.moref_at("task")?, node))),
                );
            }
            Ok::<_, Error>(found)
        }
        .await;
        // Whatever came of it: a session has few of them.
        if let Err(error) = self.call("DestroyCollector", &collector, |_| {}).await {
            tracing::debug!(%error, "a task collector could not be destroyed");
        }
        let mut found = read?;
        found.retain(|info| marks.contains(&info.activation_id));
        Ok(found)
    }
}

fn task_error(info: &TaskInfo) -> Error {
    let (task, operation) = (info.task.to_string(), info.description_id.clone());
    match &info.fault {
        Some(fault) if fault.kind != "RequestCanceled" => {
            Error::TaskFailed { task, operation, fault: fault.clone() }
        }
        None if !info.cancelled => {
            let (kind, message) = ("Unknown".into(), String::new());
            let fault = crate::Fault { kind, message, detail: std::collections::BTreeMap::new() };
            Error::TaskFailed { task, operation, fault }
        }
        _ => Error::TaskCancelled { task, operation },
    }
}

fn read_info(task: MoRef, node: &Node) -> TaskInfo {
    TaskInfo {
        task,
        key: node.string("key"),
        state: TaskState::read(node.text_at("state").unwrap_or_default()),
        cancelled: node.flag("cancelled"),
        progress: node.parsed("progress"),
        entity: node.moref_at("entity"),
        activation_id: node.string("activationId"),
        description_id: node.string("descriptionId"),
        result: node.moref_at("result"),
        fault: node.child("error").map(read_fault),
        parent_key: node.string("parentTaskKey"),
        queue_time: node.parsed("queueTime"),
        user: node.string("reason.userName"),
    }
}
