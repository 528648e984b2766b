/** Every word of the page in Chinese and English, and the language in use. */

import { SITE_WORDS } from "./words_site.js";
import { WATCH_WORDS } from "./words_watch.js";

/** @typedef {"zh" | "en"} Language */

/** @type {Record<string, [string, string]>} */
const WORDS = {
  ...WATCH_WORDS,
  ...SITE_WORDS,
  subtitle: ["社区矫正电子围栏", "community supervision"],
  skip_to_board: ["跳到预警列表", "Skip to the alerts"],
  leave: ["退出", "Log out"],
  entry_title: ["请输入访问令牌", "Access token"],
  token: ["访问令牌", "Token"],
  enter: ["进入", "Enter"],
  entry_hint: [
    "令牌由管理员用 fencewatch token create 签发，只保存在本标签页，关闭即失效。",
    "Tokens are made by an administrator (“fencewatch token create”). Yours stays in this tab only and is forgotten when you close it.",
  ],
  token_wrong: ["令牌无效", "This token is not valid"],
  rejects_title: ["被拒收的数据", "Refused rows"],
  rejects_device: ["设备或发送者", "Device or sender"],
  rejects_reason: ["原因", "Reason"],
  rejects_show: ["查询", "Show"],
  rejects_any: ["全部原因", "All reasons"],
  rejects_at: ["时间", "Time"],
  rejects_sender: ["发送者", "Sent by"],
  rejects_source: ["来源与序号", "Came by"],
  rejects_raw: ["原文（位置数字已隐去）", "The row, digits of positions hidden"],
  rejects_none: ["没有符合条件的数据。", "No such row."],
  rejects_last_day: ["最近 24 小时：{counts}", "The last 24 hours: {counts}"],
  reject_malformed: ["格式错误", "malformed"],
  reject_unknown_device: ["未登记的设备", "unknown device"],
  reject_bad_time: ["时间有误", "bad time"],
  reject_bad_coordinates: ["坐标有误", "bad coordinates"],
  reject_bad_value: ["数值有误", "bad value"],
  reject_not_fixed: ["设备未定位", "no fix of its own"],
  reject_too_late: ["迟到过久", "too late"],
  board: ["预警", "Alerts"],
  map: ["地图", "Map"],
  alert: ["预警详情", "Alert details"],
  filter_state: ["按状态筛选", "Filter by state"],
  filter_kind: ["按类型筛选", "Filter by kind"],
  filter_severity: ["按级别筛选", "Filter by severity"],
  filter_office: ["按司法所筛选", "Filter by office"],
  all_kinds: ["全部类型", "All kinds"],
  all_severities: ["全部级别", "All severities"],
  all_offices: ["全部机构", "All offices"],
  search: ["搜索姓名或编号", "Name or number"],
  search_hint: ["姓名或编号", "Name, number"],
  order: ["排序", "Order"],
  order_urgent: ["急办优先", "Urgent"],
  order_newest: ["最新优先", "Newest"],
  order_oldest: ["最早优先", "Oldest"],
  order_severity: ["按级别", "Severity"],
  mine_only: ["我的", "Mine"],
  by_person: ["按人", "People"],
  person_alerts: ["{n} 条预警", "alerts: {n}"],
  person_waiting: ["待认领 {n}", "waiting: {n}"],
  person_rest: ["还有 {n} 条，按 p 打开人员卡查看", "{n} more: press p for the person’s card"],
  newest_ago: ["最新 {age}前", "newest {age} ago"],
  pick: ["选中 {who} 的预警", "Pick the alert about {who}"],
  pick_title: ["选中；按住 Shift 点击可连选", "Pick; with Shift all from the last one to this"],
  pick_cleared: ["全选自动消除的（{n}）", "Pick all that cleared themselves ({n})"],
  pick_none: ["取消选择", "Pick none"],
  picked: ["已选 {n} 条", "Picked: {n}"],
  settle_picked: ["一起办结…", "Settle them…"],
  settle_many_title: ["一起办结 {n} 条预警", "Settle {n} alerts together"],
  settle_many_says: [
    "每条都以您的名义认领、核实、处置并归档，逐条记入“经过”。已被他人认领或情况又出现的不会办结，会列出。",
    "Each is claimed, verified, answered and closed in your name, with its own timeline. Those that somebody else has claimed, or that are open again, are left and listed.",
  ],
  settle_many: ["办结这 {n} 条", "Settle these {n}"],
  settling: ["正在办结 {n} / {of}…", "Settling {n} of {of}…"],
  settled_all: ["{n} 条全部办结", "All {n} are settled"],
  settled_some: ["办结 {n} 条，共 {of} 条", "{n} of {of} are settled"],
  settled_not: ["未办结 {n} 条：", "Not settled ({n}):"],
  settled_broken: [
    "中途出错（{why}）：{n} 条没有得到答复，有的可能已办结，请看列表。",
    "It broke off ({why}): {n} have no answer. Some of them may be settled; the board shows which.",
  ],
  settled_gone: ["不在您的机构", "not within your office"],
  cancel: ["取消", "Cancel"],
  understood: ["知道了", "OK"],
  more: ["加载更多", "Load more"],
  none: ["没有符合条件的预警。", "No alerts match."],
  keys: ["键盘：↑ ↓ 选择，回车打开，m 看位置，p 人员卡，? 全部", "Keys: ↑ ↓, Enter, m map, p person, ? all of them"],
  keys_title: ["键盘操作", "Keys"],
  key_move: ["在列表中上下移动", "up and down the list"],
  key_open: ["打开预警；按人查看时展开", "open the alert; of a person, open into the alerts"],
  key_map: ["地图移到此人当前位置", "take the map to where the person is"],
  key_person: ["打开人员卡", "open the person’s card"],
  key_pick: ["选中或取消选中（自动消除的）", "pick, or leave, one that cleared itself"],
  key_search: ["搜索", "search"],
  key_close: ["关闭人员卡或预警", "close the card or the alert"],
  key_help: ["显示本说明", "show this list"],
  person_card: ["人员卡", "Person"],
  on_the_map: ["看位置", "On the map"],
  close_card: ["关闭人员卡", "Close the card"],
  phone_word: ["电话", "Phone"],
  no_phone: ["未登记", "not on file"],
  number_word: ["编号", "Number"],
  class_word: ["管理类别", "Class"],
  class_strict: ["严管", "strict"],
  class_general: ["普管", "general"],
  class_lenient: ["宽管", "lenient"],
  supervision: ["矫正状态", "Supervision"],
  supervised: ["在矫", "supervised"],
  supervised_no_more: ["不在矫", "not supervised now"],
  last_contact: ["最后联系", "Last contact"],
  never_heard: ["尚无上报", "not heard yet"],
  battery: ["电量", "Battery"],
  battery_low: ["电量低", "low"],
  battery_untold: ["未上报", "not told"],
  charging: ["充电中", "charging"],
  not_charging: ["未充电", "not charging"],
  last_place: ["最后定位", "Last fix"],
  place_came: ["定位上报", "Fix came in"],
  never_placed: ["尚无定位", "no fix yet"],
  no_device: ["目前没有绑定设备。", "No device is bound at present."],
  card_gone: ["此人已不在您的管辖范围内", "This person is no longer one of yours"],
  no_place: ["没有已知位置", "No known position"],
  their_alerts: ["预警（未办结在前）", "Alerts (unfinished first)"],
  no_alerts_of: ["没有预警。", "No alerts."],
  alerts_further: ["只列出前 {n} 条；可在列表中搜索此人查看全部。", "The first {n}; search for the person on the board for all."],
  track_title: ["轨迹", "Track"],
  track_purpose: ["查看目的（会留痕）", "What for (it is put on record)"],
  track_purpose_hint: ["例如：核实 7 月 14 日越界", "Checking the alert of 14 July, say"],
  track_from: ["从", "From"],
  track_to: ["到", "To"],
  show_track: ["查看轨迹", "Show the track"],
  track_time: ["时间", "Time"],
  no_track: ["这段时间没有定位。", "No fixes in this period."],
  track_of: ["{n} 个定位点，{gaps} 处中断（不连线）", "Fixes: {n}, gaps: {gaps} (no line is drawn across them)"],
  track_cut: ["只显示前 {n} 个定位点，请缩短时间段；{gaps} 处中断", "Only the first {n} fixes: choose a shorter period; gaps: {gaps}"],
  track_fix: ["定位 {time}，精度 {accuracy}", "fix of {time}, accuracy {accuracy}"],
  track_gap: ["中断：{age}没有定位，位置不明", "gap: no fix for {age}, nobody knows where"],
  track_not_yet: ["此前没有定位", "no fix before this"],
  group_unfinished: ["未办结", "Unfinished"],
  group_waiting: ["待认领", "Waiting"],
  group_working: ["办理中", "In hand"],
  group_settled: ["已处置", "Settled"],
  group_all: ["全部", "All"],
  state_open: ["待认领", "open"],
  state_self_cleared: ["自动消除待核实", "over by itself, not checked"],
  state_claimed: ["已认领", "claimed"],
  state_verified: ["已核实", "verified"],
  state_disposed: ["已处置", "disposed"],
  state_closed: ["已归档", "closed"],
  severity_1: ["紧急", "urgent"],
  severity_2: ["高", "high"],
  severity_3: ["中", "medium"],
  severity_4: ["低", "low"],
  device_phone: ["手机", "phone"],
  device_wristband: ["腕带", "wristband"],
  device_other: ["设备", "device"],
  someone: ["某人", "somebody"],
  ago: ["{age}前", "{age} ago"],
  held_by: ["{name} 办理中", "with {name}"],
  held_until: ["{name} 办理中，占用至 {time}", "{name} is working on it until {time}"],
  mine: ["我在办理", "with me"],
  fact_withdrawn: ["系统已撤回", "withdrawn by the system"],
  fact_cleared: ["已恢复 {time}", "over since {time}"],
  fact_authorised: ["已由请假 {leave} 批准", "covered by leave {leave}"],
  fact_retrospective: ["补传数据判出", "found in late data"],
  why: ["为什么预警", "Why this alert"],
  next_step: ["办理", "What to do"],
  claim: ["认领", "Claim"],
  release: ["退回", "Give back"],
  verify: ["提交核实", "Record verdict"],
  dispose: ["提交处置", "Record outcome"],
  close: ["归档", "Close case"],
  verdict: ["核实结论", "Verdict"],
  verdict_true: ["属实", "True"],
  verdict_false: ["误报", "False alarm"],
  verdict_unverifiable: ["无法核实", "Cannot be verified"],
  reason: ["误报原因", "Reason"],
  reason_choose: ["请选择原因", "Choose a reason"],
  reason_gps_drift: ["定位漂移", "GPS drift"],
  reason_equipment_fault: ["设备故障", "Equipment fault"],
  reason_wrong_fence: ["围栏画错或过期", "Fence wrong or out of date"],
  reason_unrecorded_leave: ["已批准但未录入", "Approved but not recorded"],
  reason_duplicate: ["重复预警", "Duplicate"],
  reason_other: ["其他", "Other"],
  list_comma: ["；", "; "],
  correct: ["提交更正", "Correct the verdict"],
  correct_title: ["结论“{verdict}”有误？更正", "“{verdict}” is wrong? Correct it"],
  correct_to: ["更正为", "Correct it to"],
  because: ["更正原因（必填）", "Why it is corrected (needed)"],
  corrected_ok: ["结论已更正", "Verdict corrected"],
  draft_kept: ["有未提交的内容，已保留；认领后继续填写。", "What you filled in is kept; claim the alert to go on."],
  plain_title: ["情况简单：一步办结", "A plain case: settle it in one step"],
  plain_choose: ["请选择情况", "Choose what it was"],
  plain_false: ["误报，原因是", "False alarm, because of"],
  plain_true: ["属实，处置为", "True, and answered by"],
  plain_unverifiable: ["无法核实，处置为", "Cannot be verified, and answered by"],
  settle: ["一步办结", "Settle"],
  settled_ok: ["已办结并归档", "Settled and closed"],
  in_one_step: ["一步办结", "settled in one step"],
  in_one_step_together: ["与其他预警一起一步办结（共 {n} 条）", "settled in one step with others ({n} in all)"],
  outcome: ["处置结果", "Outcome"],
  note: ["备注", "Note"],
  names_hint: ["检察官看不到您写下的已知人员姓名；请尽量不写姓名。", "Prosecutors do not see known people's names in what you write. Better write none."],
  purpose: ["本次查看目的", "Purpose of this visit"],
  purpose_hint: ["查看人员位置须留痕：令牌、目的和时间都会被记录。", "Looking at where people are is put on record: who, what for and when."],
  purpose_not_given: ["未说明目的", "purpose not given"],
  purpose_keep: ["保存", "Keep"],
  purpose_daily: ["日常监管", "daily supervision"],
  purpose_alert: ["处置预警", "working on alerts"],
  purpose_check: ["点名核查", "checking on somebody"],
  purpose_inspection: ["检察监督", "inspection"],
  outcome_reminder: ["提醒教育", "Reminder"],
  outcome_false_alarm: ["误报", "False alarm"],
  outcome_equipment_fault: ["系统/设备原因", "Equipment fault"],
  outcome_authorised: ["已批准", "Authorised"],
  outcome_admonition: ["训诫", "Admonition"],
  outcome_warning: ["警告", "Warning"],
  outcome_public_security_penalty: ["提请治安管理处罚", "Request a public security penalty"],
  outcome_electronic_monitoring: ["电子定位", "Electronic monitoring"],
  outcome_probation_revocation: ["提请撤销缓刑", "Request revocation of probation"],
  outcome_parole_revocation: ["提请撤销假释", "Request revocation of parole"],
  outcome_imprisonment: ["提请收监执行", "Request imprisonment"],
  outcome_arrest: ["提请逮捕", "Request arrest"],
  outcome_police_transfer: ["移送公安", "Transfer to the police"],
  outcome_supervision_ended: ["矫正终止/解除", "Supervision ended"],
  read_only: ["只读：您的角色不能办理预警。", "Read only: your role cannot work on alerts."],
  done: ["这条预警已处置：{outcome}。", "Settled: {outcome}."],
  done_closed: ["这条预警已处置并归档：{outcome}。", "Settled and closed: {outcome}."],
  timeline: ["经过", "Timeline"],
  evidence: ["定位证据（{n} 个点）", "Evidence (fixes: {n})"],
  no_evidence: ["此类预警没有定位证据；地图显示最后一次已知位置。", "This kind of alert has no fixes of its own; the map shows the last known position."],
  evidence_time: ["时间", "Time"],
  evidence_distance: ["离边界", "From the boundary"],
  evidence_accuracy: ["精度", "Accuracy"],
  facts: ["登记信息", "Particulars"],
  person: ["对象", "Person"],
  office_word: ["机构", "Office"],
  fence: ["围栏", "Fence"],
  onset: ["起始", "Began"],
  raised: ["预警", "Raised"],
  policy_word: ["规则版本", "Policy version"],
  key_word: ["编号", "Key"],
  engine: ["系统", "system"],
  event_raised: ["触发预警", "raised"],
  event_level_changed: ["级别变为 {level}", "level is now {level}"],
  event_cleared: ["情况恢复", "over"],
  event_resumed: ["情况再次出现", "began again"],
  event_withdrawn: ["系统撤回", "withdrawn"],
  event_reinstated: ["系统恢复预警", "restored"],
  event_authorised: ["已有批准：{leave}", "covered by leave {leave}"],
  event_corrected: ["信息更正", "details corrected"],
  event_claimed: ["认领", "claimed"],
  event_renewed: ["续占", "extended the claim"],
  event_released: ["退回", "gave it back"],
  event_verified: ["核实：{verdict}", "verified: {verdict}"],
  event_verdict_corrected: ["更正核实结论：{before} → {verdict}", "corrected the verdict: {before} → {verdict}"],
  event_disposed: ["处置：{outcome}", "disposed: {outcome}"],
  event_closed: ["归档", "closed the case"],
  claimed_ok: ["已认领", "Claimed"],
  released_ok: ["已退回", "Given back"],
  verified_ok: ["核实已记录", "Verdict recorded"],
  disposed_ok: ["处置已记录", "Outcome recorded"],
  closed_ok: ["已归档", "Case closed"],
  taken: ["已被 {name} 认领", "{name} claimed it first"],
  state_refused: ["当前状态是“{state}”，不能这样办理", "It is “{state}” now, so this is not possible"],
  no_answer: ["服务器没有应答，请再试一次", "The server did not answer; please try again"],
  board_behind: ["列表未能更新，正在重试", "This list could not be brought up to date; trying again"],
  refused: ["未成功：{why}", "That did not work: {why}"],
  close_detail: ["关闭详情", "Close"],
  link_waiting: ["连接中…", "Connecting…"],
  link_up: ["连接正常", "Link up"],
  link_lost: ["连接中断 {age}", "Link lost for {age}"],
  both: ["{one}，{other}", "{one}, {other}"],
  age: ["{age}前", "{age} ago"],
  age_simulated: ["模拟时间 {age}前", "{age} ago on the simulated clock"],
  newest_fix: ["最新上报 {age}", "newest report {age}"],
  no_fix: ["尚无上报", "no report yet"],
  none_due: ["目前没有应报未报", "No report due"],
  no_devices: ["没有在管设备", "No devices to report"],
  device_overdue: ["{of} 台设备中 {n} 台逾期未报", "{n} of {of} devices overdue"],
  devices_overdue: ["{of} 台设备中 {n} 台逾期未报", "{n} of {of} devices overdue"],
  intake_fails: ["上报无法保存", "Reports cannot be stored"],
  reports_unknown: ["上报情况不明", "Reports unknown"],
  engine_waiting: ["引擎尚未运行", "Engine not seen yet"],
  engine_up: ["引擎判定正常", "Engine up to date"],
  engine_lag: ["引擎判定到{age}", "Engine behind: has judged up to {age}"],
  engine_unknown: ["引擎情况不明", "Engine unknown"],
  engine_never_started: ["引擎未启动", "Engine never started"],
  engine_not_running: ["引擎已停止", "Engine stopped"],
  engine_hangs: ["引擎卡住", "Engine stuck"],
  trouble_never_started: [
    "判定引擎没有启动，已等待 {age}：{judged}，不会产生任何预警。请立即通知系统管理员。",
    "The engine has not been started, for {age} now: {judged}, and no alert is raised. Tell whoever runs the system at once.",
  ],
  trouble_not_running: [
    "判定引擎已停止 {age}：{judged}，不会产生新的预警。请立即通知系统管理员。",
    "The engine has stopped, for {age} now: {judged}, and no new alert is raised. Tell whoever runs the system at once.",
  ],
  trouble_hangs: [
    "判定引擎卡住 {age}：{judged}，不会产生新的预警。请立即通知系统管理员。",
    "The engine is stuck, for {age} now: {judged}, and no new alert is raised. Tell whoever runs the system at once.",
  ],
  trouble_intake: [
    "设备上报无法保存（{why}）：设备会重发，但目前看到的位置不再更新。请立即通知系统管理员。",
    "Reports cannot be stored ({why}): devices will send them again, but positions do not change meanwhile. Tell whoever runs the system at once.",
  ],
  nothing_judged: ["所有上报都没有判定", "nothing has been judged"],
  judged_until: ["{time} 之后的情况没有判定", "nothing after {time} has been judged"],
  simulated: [
    "×{speed} 模拟时钟：这里的一秒等于现实的 1/{speed} 秒，人员与轨迹均为模拟",
    "Simulated clock ×{speed}: people and tracks are made up, and time runs {speed} times as fast as real time",
  ],
  lost: [
    "连接中断 {age}：下面是 {time} 的情况，不是现在的。正在重新连接…",
    "Link lost for {age}: you see the state of {time}, not the present one. Reconnecting…",
  ],
  clock_stopped: ["停在 {time}", "stopped at {time}"],
  map_wrong: ["地图无法显示（{why}）；预警列表不受影响。", "The map cannot be shown ({why}); alerts work without it."],
  legend_usual: ["无未办结预警", "without alerts"],
  legend_alerts: ["有未办结预警", "With unfinished alerts"],
  legend_waiting: ["待认领", "waiting"],
  legend_held: ["办理中", "in hand"],
  legend_quiet: ["位置已旧", "old position"],
  legend_keep_in: ["不得离开的区域", "must stay inside"],
  legend_keep_out: ["禁止进入的区域", "must stay out"],
  legend_county: ["县界", "county border"],
  last_seen: ["最后定位 {time}（{age}前），精度 {accuracy}", "last fix {time} ({age} ago), accuracy {accuracy}"],
  minute_word: ["分钟", "min"],
  people_shown: ["{n} 人在图上", "People on the map: {n}"],
  people_missing: ["{n} 名有预警的人没有位置", "{n} people with alerts have no position"],
  person_missing: ["{n} 名有预警的人没有位置", "1 person with alerts has no position"],
  count_of: ["{n}/{of}", "{n} of {of}"],
};

let language = /** @type {Language} */ (sessionStorage.getItem("language") === "en" ? "en" : "zh");

/** @returns {Language} */
export function currentLanguage() {
  return language;
}

/** @param {Language} chosen */
export function chooseLanguage(chosen) {
  language = chosen;
  sessionStorage.setItem("language", chosen);
  writeStaticWords();
}

/**
 * A word in the language in use, with its blanks filled in.
 * @param {string} name
 * @param {Record<string, string | number>} blanks
 */
export function word(name, blanks = {}) {
  const pair = WORDS[name];
  if (pair === undefined) return name;
  return pair[language === "zh" ? 0 : 1].replace(/\{(\w+)\}/g, (_, blank) => String(blanks[blank] ?? ""));
}

/**
 * Words that the server gives: what its rules are called, and why their alerts fired.
 * @param {{kind: string, name: [string, string], sentence: [string, string]}[]} rules
 */
export function takeRules(rules) {
  for (const { kind, name, sentence } of rules) {
    WORDS[`kind_${kind}`] = name;
    WORDS[`why_${kind}`] = sentence;
  }
}

/** Whether there is such a word. @param {string} name */
export function hasWord(name) {
  return name in WORDS;
}

/**
 * The word of a code such as a kind or an outcome; a code this page does not know stands for itself.
 * @param {string} family
 * @param {string | null | undefined} code
 */
export function coded(family, code) {
  if (code === null || code === undefined) return "";
  return `${family}_${code}` in WORDS ? word(`${family}_${code}`) : code.replaceAll("_", " ");
}

/** Put the words in use into the elements that name one. */
export function writeStaticWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(/** @type {HTMLElement} */ (element).dataset.word ?? "");
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(/** @type {HTMLElement} */ (element).dataset.label ?? ""));
  }
  for (const element of document.querySelectorAll("[data-hint]")) {
    element.setAttribute("placeholder", word(/** @type {HTMLElement} */ (element).dataset.hint ?? ""));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.language === language));
  }
}
