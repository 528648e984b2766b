/** Words of what watches over a room: the screen on the wall, the alarm and the ground of the map. */

/** @type {Record<string, [string, string]>} */
export const WATCH_WORDS = {
  title_urgent: ["紧急预警", "urgent"],
  sound_on: ["♪ 提示音开", "♪ Sound on"],
  sound_on_hint: ["有无人认领的紧急预警时响起；点一下静音 15 分钟", "Sounds while an urgent alert waits; click to mute it for 15 minutes"],
  sound_muted: ["静音，还剩 {minutes} 分钟", "Muted, {minutes} min left"],
  sound_muted_hint: ["点一下恢复提示音", "Click to be heard again"],
  sound_blocked: ["♪ 提示音被阻止", "♪ Sound is blocked"],
  sound_blocked_hint: ["点此开启：浏览器要求先在页面上点一下，才能发出声音", "Click here: browsers let a page be heard only after somebody has clicked on it"],
  wall: ["大屏", "Wall"],
  wall_leave: ["退出大屏", "Leave the wall"],
  wall_open: ["待认领", "waiting"],
  wall_nothing: ["无待认领预警", "nothing waits"],
  wall_oldest: ["最早已等 {age}", "oldest waits {age}"],
  wall_in_hand: ["办理中 {n}", "in hand {n}"],
  wall_cleared: ["自动消除 {n}", "cleared itself {n}"],
  wall_page: ["第 {page} / {pages} 屏", "screen {page} of {pages}"],
  wall_sleep: ["此浏览器不能让屏幕保持常亮：请在系统中关闭休眠", "This browser cannot keep the screen awake: turn sleep off in the system"],
  wall_total: ["共 {n} 条待认领，其中紧急 {urgent} 条", "{n} waiting, {urgent} of them urgent"],
};
