"""The rules, in the order in which people read them; a new rule is an entry here."""

from __future__ import annotations

from pipeline.rules.rule import Rule, Scope, Subject, Words

_FIXES = ("event_time", "arrival_time", "lon", "lat", "accuracy_m", "source", "crs")

BOUNDARY_VIOLATION = Rule(
    kind="boundary_violation",
    catalogue_ids=("A01", "A02"),
    severities=(2,),
    subject=Subject.DEVICE,
    scope=Scope.GROUP,
    columns=_FIXES,
    policy=("accuracy", "boundary.keep_in", "boundary.clear_fixes"),
    name=Words("越界", "Left the area"),
    sentence=Words(
        "{whose} {spell}在“{place}”之外；触发依据：{proof}，最远 {far}{nearby}",
        "{whose} {was} outside “{place}” {spell}; raised after {proof}, {far} at most{nearby}",
    ),
    terminal="{person} was outside {fence} from {onset} on, {distance} m beyond it when raised",
    raised_for="a person outside every area of a keep_in group",
    over_when="fixes are inside again, or the fence or the supervision ends",
)

ZONE_ENTRY = Rule(
    kind="zone_entry",
    catalogue_ids=("A03",),
    severities=(1,),
    subject=Subject.DEVICE,
    scope=Scope.FENCE,
    columns=_FIXES,
    policy=("accuracy", "boundary.keep_out", "boundary.clear_fixes"),
    name=Words("进入禁区", "Entered a forbidden zone"),
    sentence=Words(
        "{whose} {spell}在“{place}”之内；触发依据：{proof}，最深 {far}{nearby}",
        "{whose} {was} inside “{place}” {spell}; raised after {proof}, {far} at most{nearby}",
    ),
    terminal="{person} was inside {fence}, where they may not be, from {onset} on",
    raised_for="a person inside a keep_out fence",
    over_when="fixes are outside again, or the fence or the supervision ends",
)

MISSED_CONFIRMATION = Rule(
    kind="missed_confirmation",
    catalogue_ids=("B01",),
    severities=(3,),
    subject=Subject.PERSON,
    scope=Scope.NONE,
    columns=("event_time", "arrival_time", "face_ok"),
    policy=("confirmation",),
    name=Words("未按时签到", "Missed check-in"),
    sentence=Words(
        "{who} 从 {since} 起应当签到，到 {due}（含宽限时间）没有收到有效签到",
        "{who} was due to check in from {since}, and no valid check-in had arrived by {due}, "
        "the grace period included",
    ),
    terminal="{person} did not confirm in the window that opened at {onset}",
    raised_for="no confirmation in a window and its grace",
    over_when="a confirmation arrives that was made in time",
)

SILENT_DEVICE = Rule(
    kind="silent_device",
    catalogue_ids=("C01",),
    severities=(4, 3, 2),
    subject=Subject.DEVICE,
    scope=Scope.NONE,
    columns=("arrival_time",),
    policy=("silence",),
    name=Words("设备失联", "Silent device"),
    sentence=Words(
        "{whose}自 {since} 起没有任何上报，已达 {silent_for}（第 {level} 级）",
        "{whose} has sent nothing since {since}: {silent_for} so far (level {level})",
    ),
    terminal="nothing was heard of {device}, which {person} carries, after {onset} (level {level})",
    raised_for="a device not heard of",
    over_when="the device is heard of again, or its binding or the supervision ends",
)

LOG_GAP = Rule(
    kind="log_gap",
    catalogue_ids=(),
    severities=(2,),
    subject=Subject.LOG,
    scope=Scope.NONE,
    columns=(),
    policy=(),
    name=Words("系统中断", "System interruption"),
    sentence=Words(
        "自 {since} 起系统停止接收一段时间，这段时间不计入任何人的失联",
        "nothing was received for a while from {since} on; that time is nobody’s silence",
    ),
    terminal="our own clock stood still after {onset}; nobody's silence counts meanwhile",
    raised_for="nobody at all: a live log whose clock stood still for more than a minute; "
    "in a replay only with `--log`",
    over_when="at once: it is raised when the clock goes on",
)

RULES = (BOUNDARY_VIOLATION, ZONE_ENTRY, MISSED_CONFIRMATION, SILENT_DEVICE, LOG_GAP)

#: The same by kind.
RULE_OF = {rule.kind: rule for rule in RULES}
