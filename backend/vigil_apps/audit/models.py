"""The table of the audit log."""

from typing import Any, ClassVar, NoReturn

from django.db import models


class Action(models.TextChoices):
    """The kind of change."""

    CREATED = "created", "Created"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"


class Via(models.TextChoices):
    """The origin of a change."""

    SESSION = "session", "A browser's session"
    TOKEN = "token", "A token"
    SYSTEM = "system", "A command, or the backend itself"


class AuditEntry(models.Model):
    """One change of one object. Names are copied, so that an entry outlives the objects that it names."""

    at = models.DateTimeField(auto_now_add=True)
    # Plain numbers instead of foreign keys: entries remain unchanged after the user and the site are deleted.
    actor_id = models.BigIntegerField(null=True, help_text="The user who did it.")
    actor_name = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=16, choices=Via.choices)
    token_name = models.CharField(max_length=160, blank=True, help_text="Scope and name of the token that was used.")
    address = models.GenericIPAddressField(null=True, help_text="Where the request came from.")
    action = models.CharField(max_length=16, choices=Action.choices)
    kind = models.CharField(max_length=32, help_text="What kind of object: camera, site, member, token, user, …")
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255)
    site_id = models.BigIntegerField(null=True)
    former_site_id = models.BigIntegerField(null=True, help_text="Where the object was before.")
    changes = models.JSONField(help_text="Field: [before, after]. Never a secret; see audit.tracking.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name_plural: ClassVar[str] = "audit entries"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "object_id", "-id"], name="audit_of_object"),
            models.Index(fields=["site_id", "-id"], name="audit_of_site"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_name} {self.action} by {self.actor_name or 'the system'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store a new entry; existing entries cannot be changed."""
        if self.pk is not None:
            raise TypeError("an audit entry cannot be changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Deny it."""
        raise TypeError("an audit entry cannot be deleted")
