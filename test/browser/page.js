// What is wrong with the page that is shown, as a list of sentences: checks
// that need a browser's layout and colours.  An expression, for Chromium.pm.
(() => {
	const found = [];
	const width = innerWidth;
	const where = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + ' "' + (e.textContent || '').trim().slice(0, 40) + '"';
	const scrolls = e => { for (; e; e = e.parentElement) if (e.classList && e.classList.contains('scroll')) return true; return false; };

	document.querySelectorAll('details').forEach(d => { d.open = true; });

	// --- layout ---
	for (const e of document.querySelectorAll('body *'))
		if ([...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && !(e instanceof SVGElement) && parseFloat(getComputedStyle(e).fontSize) < 12)
			found.push('too small to read: ' + where(e));
	if (document.documentElement.scrollWidth > width)
		found.push('the page is ' + document.documentElement.scrollWidth + ' wide');
	for (const e of document.querySelectorAll('body *')) {
		const box = e.getBoundingClientRect();
		if (box.width > 0 && !scrolls(e) && (box.left < -0.5 || box.right > width + 0.5))
			found.push('sticks out: ' + where(e));
	}
	for (const e of document.querySelectorAll('.scroll'))
		if (e.tabIndex !== 0 || e.getAttribute('role') !== 'region' || !e.getAttribute('aria-label'))
			found.push('cannot be scrolled by keyboard: ' + where(e));
	for (const svg of document.querySelectorAll('svg[role=img]')) {
		const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent).map(t => [t, t.getBoundingClientRect()]);
		for (let i = 0; i < texts.length; i++) {
			const [t, a] = texts[i];
			if (parseFloat(getComputedStyle(t).fontSize) * svg.getBoundingClientRect().width / 480 < 10)
				found.push('too small to read: ' + where(t) + ' in ' + svg.id);
			for (let j = 0; j < i; j++) {
				const b = texts[j][1];
				if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
					found.push('texts overlap: ' + where(t) + ' and ' + where(texts[j][0]) + ' in ' + svg.id);
			}
		}
	}

	// --- contrast ---
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const light = c => { const l = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const seen = new Set();
	for (const e of document.querySelectorAll('body *')) {
		const svg = e instanceof SVGElement;
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
		if (!own || (svg && e.tagName !== 'text') || !e.getClientRects().length)
			continue;
		const style = getComputedStyle(e);
		const ratio = contrast(parse(svg ? style.fill : style.color), behind(e));
		const key = e.tagName + e.className + ratio.toFixed(2);
		if (ratio < 4.5 && !seen.has(key)) {
			seen.add(key);
			found.push('contrast ' + ratio.toFixed(2) + ': ' + where(e));
		}
	}
	for (const e of document.querySelectorAll('svg .l, svg .f, svg .d')) {
		const style = getComputedStyle(e);
		const ratio = contrast(parse(e.classList.contains('l') ? style.stroke : style.fill), behind(e.closest('section')));
		if (ratio < 3 && !seen.has(e.getAttribute('class'))) {
			seen.add(e.getAttribute('class'));
			found.push('contrast ' + ratio.toFixed(2) + ' of marks: ' + e.getAttribute('class'));
		}
	}

	// --- structure ---
	let level = 0;
	for (const h of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
		const l = +h.tagName[1];
		if (l > level + 1)
			found.push('heading skips a level: ' + where(h));
		level = l;
	}
	for (const [what, n] of [['main', 1], ['h1', 1], ['html[lang]', 1], ['title', null], ['script, iframe, object, embed, link, img, form', 0], ['[onload], [onerror], [onclick]', 0]])
		if (n !== null && document.querySelectorAll(what).length !== n)
			found.push(document.querySelectorAll(what).length + ' of ' + what);
	if (!document.title)
		found.push('no title');
	for (const a of document.querySelectorAll('a')) {
		if (!document.getElementById(a.getAttribute('href').slice(1)))
			found.push('leads nowhere: ' + where(a));
	}
	for (const e of document.querySelectorAll('a, summary'))
		if (e.getClientRects().length && e.getBoundingClientRect().height < 24)
			found.push('too small to touch: ' + where(e));
	if (document.getAnimations().length)
		found.push('something moves');
	// of a table that is scrolled, the names of the rows stay, and leave room for the numbers
	for (const e of document.querySelectorAll('.scroll')) {
		const name = e.querySelector('tbody th');
		e.scrollLeft = e.scrollWidth;
		const left = name ? name.getBoundingClientRect().left - e.getBoundingClientRect().left : 0;
		e.scrollLeft = 0;
		if (name && (Math.abs(left) > 1 || name.getBoundingClientRect().width > 0.6 * e.clientWidth))
			found.push('row names of the table: ' + where(e));
	}
	for (const d of document.querySelectorAll('data')) {
		const shown = parseFloat(d.textContent.replace(/[,\s]/g, '').replace('\u2212', '-'));
		const digits = (d.textContent.match(/\.(\d+)/) || ['', ''])[1].length;
		const percent = d.textContent.includes('%') && d.closest('.cards') ? 100 : 1;
		if (d.textContent.startsWith('<') ? !(+d.value > 0 && +d.value < parseFloat(d.textContent.slice(2))) : !(Math.abs(shown - percent * +d.value) <= 0.5001 * 10 ** -digits + 1e-12))
			found.push('shows ' + d.textContent + ' for ' + d.value);
	}
	return [...new Set(found)].slice(0, 40);
})()
