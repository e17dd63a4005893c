"""Alerts on their way in, many at a time.

`POST /api/send-alert/` is a view of REST framework like any other, and says what is allowed and what is wrong. Most
alerts are in order, though, and come when others do: those that wait at the same moment are stored here in one
transaction, past the view and Django's middleware. Whatever is not in order goes the whole way, so that there is one
place that refuses: nothing here answers anything but 201 and 200.
"""
