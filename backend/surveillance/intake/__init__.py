"""The fast intake: alerts that arrive at the same moment are stored in one transaction.

`POST /api/send-alert/` is a view of REST framework like any other (`surveillance.api.detectors.SendAlertView`), and a
service stores the alerts (`surveillance.services.alert_intake`). Here the steps of that view are called for a group
of requests: one query finds all tokens, and one transaction stores all alerts. Every rule is the view's or the
service's. Requests that do not look like a detector's go to Django.

Polls of `GET /api/active-cameras/` without news are answered the same way (`answers.poll_answers`): each pipeline and
operator sends one every second or two, and nearly all are 304.
"""
