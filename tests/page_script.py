"""What an officer does on the page, told in what can be read there."""

from __future__ import annotations

from page_visit import Visit

#: More than this for one alert, from the first page to its end, is more than an officer should need.
CLICKS_MOST = 8


def dispose_of_the_first_alert(visitor: Visit, url: str, token: str) -> None:
    """From the first page to a disposed alert, found true and answered with a reminder."""
    visitor.page.goto(url)
    visitor.labelled("访问令牌").fill(token)
    visitor.page.get_by_label("本次查看目的").fill("处置预警")
    visitor.click("进入")
    visitor.sees_board()
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("属实")
    visitor.click("提交核实")
    visitor.click("提醒教育")
    visitor.labelled("备注").fill("已电话核实")
    visitor.click("提交处置")
    visitor.sees("这条预警已处置：提醒教育")
