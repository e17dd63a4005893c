// Shows why the browser created or used no passkey. The steps themselves are those of django-allauth (webauthn.js).
const place = document.querySelector("[data-passkey-problem]");

document.addEventListener("allauth.error", (event) => {
  event.preventDefault(); // otherwise it is only in the console
  const isMissing = !window.PublicKeyCredential || event.detail.exception?.name === "NotSupportedError";
  place.textContent = isMissing ? place.dataset.textMissing : place.dataset.textFailed;
});
