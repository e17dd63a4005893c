"""The second factor of a sign-in: who must have one, and what changes it. django-allauth implements the factors."""
