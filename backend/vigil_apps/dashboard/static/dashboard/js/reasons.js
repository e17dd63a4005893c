// The API's texts of reasons in the reader's language. A message may continue with a detail, which stays as it is.
const source = document.getElementById("reason-translations");
const translations = Object.entries(source ? JSON.parse(source.textContent) : {});

export function inOwnWords(message) {
  const [text, words] = translations.find(([one]) => message.startsWith(one)) ?? ["", ""];
  return words + message.slice(text.length);
}
