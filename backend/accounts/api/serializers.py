"""Shapes of what accounts' endpoints take and answer."""

from rest_framework import serializers


class CredentialsSerializer(serializers.Serializer[None]):
    """Who wants a token."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)


class NewTokenSerializer(serializers.Serializer[None]):
    """A token's text: shown once."""

    token = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
